#include "sweeps/metric_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::sweeps {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kClasses = {"covid", "a/b", "normal"};

TEST(MetricNameTest, NamesAsTheViewHoldsThem) {
  const auto recall = MetricName::Parse("recall/covid", kClasses);
  ASSERT_TRUE(recall.ok());
  EXPECT_EQ(recall->name, "recall");
  EXPECT_EQ(recall->cls, "covid");
  EXPECT_EQ(MetricName::Parse("f1/macro", kClasses)->cls, "macro avg");
  EXPECT_EQ(MetricName::Parse("f1/weighted", kClasses)->cls, "weighted avg");
  EXPECT_EQ(MetricName::Parse("recall/a/b", kClasses)->cls, "a/b");
  EXPECT_EQ(MetricName::Parse("loss", kClasses)->cls, std::nullopt);
  EXPECT_TRUE(MetricName::Parse("loss", kClasses)->lower_is_better());
  EXPECT_FALSE(recall->lower_is_better());
}

TEST(MetricNameTest, TextComesBack) {
  for (const char* text :
       {"recall/covid", "f1/macro", "support/weighted", "balanced_accuracy"})
    EXPECT_EQ(MetricName::Parse(text, kClasses)->ToString(), text);
}

TEST(MetricNameTest, ErrorsNameTheNearest) {
  const auto error = [](const char* text) {
    return MetricName::Parse(text, kClasses).status().ToString();
  };
  EXPECT_THAT(error("recal/covid"), HasSubstr("did you mean `recall`?"));
  EXPECT_THAT(error("recall/covdi"), HasSubstr("did you mean `covid`?"));
  EXPECT_THAT(error("recall"), HasSubstr("recall/CLASS"));
  EXPECT_THAT(error("loss/covid"), HasSubstr("write `loss`"));
}

}  // namespace
}  // namespace besom::sweeps
