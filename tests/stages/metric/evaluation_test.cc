#include "stages/metric/evaluation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace besom::stages {
namespace {

Evaluation Sample() {
  Evaluation evaluation;
  evaluation.classes = {"covid", "normal"};
  evaluation.repeat = 2;
  evaluation.fold = 1;
  evaluation.chosen_epoch = 7;
  SetEvaluation set;
  set.set = "test";
  set.metrics = {{"recall", "covid", 0.1 + 0.2, std::nullopt},
                 {"recall", "normal", std::nullopt, std::nullopt},
                 {"loss", std::nullopt, std::nextafter(1.0, 2.0), 3}};
  set.confusion = {{3, 1}, {0, 9'007'199'254'740'993}};
  set.predictions = {{"nih",
                      "a/\"b\".png",
                      0,
                      1,
                      {1.0 / 3, std::numeric_limits<double>::denorm_min()}}};
  evaluation.sets = {set};
  evaluation.history = {{"train", {"loss", std::nullopt, 1e-300, 0}},
                        {"validation", {"accuracy", std::nullopt, 2.0 / 3, 1}}};
  return evaluation;
}

TEST(EvaluationTest, TextAndBackKeepsEveryBit) {
  const Evaluation before = Sample();
  const std::string text = CanonicalText(before.ToJson());
  auto json = ParseJson(text, "test");
  ASSERT_TRUE(json.ok());
  auto after = Evaluation::FromJson(*json);
  ASSERT_TRUE(after.ok()) << after.status().ToString();
  EXPECT_EQ(CanonicalText(after->ToJson()), text);
  const SetEvaluation& set = after->sets.at(0);
  EXPECT_EQ(set.metrics.at(0).value, 0.1 + 0.2);
  EXPECT_EQ(set.metrics.at(1).value, std::nullopt);
  EXPECT_EQ(set.metrics.at(2).value, std::nextafter(1.0, 2.0));
  EXPECT_EQ(set.metrics.at(2).epoch, 3);
  EXPECT_EQ(set.confusion, before.sets[0].confusion);
  EXPECT_EQ(set.predictions.at(0).probabilities,
            before.sets[0].predictions[0].probabilities);
  EXPECT_EQ(set.predictions.at(0).path, "a/\"b\".png");
  EXPECT_EQ(after->history.at(0).second.value, 1e-300);
  EXPECT_EQ(after->fold, 1);
  EXPECT_EQ(after->chosen_epoch, 7);
}

TEST(EvaluationTest, OtherJsonIsCorruptNotACrash) {
  for (const char* text : {"{}", "[]", "3", R"({"classes": 3})"}) {
    auto json = ParseJson(text, "test");
    ASSERT_TRUE(json.ok());
    EXPECT_EQ(Evaluation::FromJson(*json).status().code(), StatusCode::kCorrupt)
        << text;
  }
}

}  // namespace
}  // namespace besom::stages
