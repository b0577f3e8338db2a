// What a threshold decides, from the evaluate stage.
#include <gtest/gtest.h>

#include "stages/metric/metrics.h"
#include "tests/stages/head/fit_stages_fixture.h"

namespace besom::stages {
namespace {

using FitThresholdTest = FitStagesTest;

TEST_F(FitThresholdTest, AThresholdComesFromValidationAndDecidesEverywhere) {
  params_["evaluate"]["threshold"] = {{"text", "recall/covid >= 0.99"},
                                      {"metric", "recall"},
                                      {"class", "covid"},
                                      {"least", 0.99}};
  params_["evaluate"]["costs"] = {{"covid", {{"normal", 20}}}};
  const Evaluation evaluation = RunBoth();
  ASSERT_TRUE(evaluation.threshold && evaluation.threshold->value);
  EXPECT_EQ(evaluation.threshold->cls, "covid");
  EXPECT_EQ(evaluation.threshold->target, "recall/covid >= 0.99");
  const double threshold = *evaluation.threshold->value;
  double lowest = 1;  // Of the covid images of validation.
  for (const Prediction& p : SetOf(evaluation, "validation").predictions)
    if (p.actual == 0) lowest = std::min(lowest, p.probabilities[0]);
  EXPECT_EQ(threshold, lowest);
  const auto value = [&](const char* set, const char* name) {
    return *FindMetric(SetOf(evaluation, set).decided, name)->value;
  };
  EXPECT_EQ(value("validation", "recall/covid"), 1);
  double caught = 0, all = 0;
  for (const Prediction& p : SetOf(evaluation, "test").predictions) {
    all += p.actual == 0;
    caught += p.actual == 0 && p.probabilities[0] >= threshold;
  }
  EXPECT_EQ(value("test", "recall/covid"), caught / all);
  EXPECT_GE(value("test", "expected_cost"), 0);
  EXPECT_EQ(FindMetric(SetOf(evaluation, "test").decided, "loss"), nullptr);
  const auto again = Evaluation::FromJson(evaluation.ToJson());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->ToJson(), evaluation.ToJson());
}

TEST_F(FitThresholdTest, AGivenThresholdDecidesAsItIs) {
  params_["evaluate"]["threshold"] = {{"text", "recall/covid >= 0.99"},
                                      {"metric", "recall"},
                                      {"class", "covid"},
                                      {"least", 0.99},
                                      {"given", 0.0}};
  const Evaluation evaluation = RunBoth();
  EXPECT_EQ(evaluation.threshold->value, 0.0);
  const auto& decided = SetOf(evaluation, "test").decided;
  EXPECT_EQ(*FindMetric(decided, "recall/covid")->value, 1);
  EXPECT_EQ(*FindMetric(decided, "specificity/covid")->value, 0);
}

TEST_F(FitThresholdTest, WithoutATargetNothingIsDecided) {
  const Evaluation evaluation = RunBoth();
  EXPECT_FALSE(evaluation.threshold);
  for (const SetEvaluation& set : evaluation.sets)
    EXPECT_TRUE(set.decided.empty());
}

}  // namespace
}  // namespace besom::stages
