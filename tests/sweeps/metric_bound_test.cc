#include "sweeps/metric_bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::sweeps {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kClasses = {"covid", "a>=b", "normal"};

TEST(MetricBoundTest, BothSignsAndAnySpaces) {
  EXPECT_EQ(*MetricBound::Parse("recall/covid >= 0.95", kClasses),
            (MetricBound{{"recall", "covid"}, true, 0.95}));
  EXPECT_EQ(*MetricBound::Parse("loss<=1e-1", kClasses),
            (MetricBound{{"loss", std::nullopt}, false, 0.1}));
  EXPECT_EQ(*MetricBound::Parse("  sensitivity/macro  >=  1 ", kClasses),
            (MetricBound{{"recall", "macro avg"}, true, 1}));
  EXPECT_EQ(*MetricBound::Parse("f1/a>=b >= 0.5", kClasses),
            (MetricBound{{"f1", "a>=b"}, true, 0.5}));
}

TEST(MetricBoundTest, ErrorsSayWhatToWrite) {
  const auto error = [](const char* text) {
    return MetricBound::Parse(text, kClasses).status().ToString();
  };
  EXPECT_THAT(error("recall/covid > 0.9"), HasSubstr("METRIC >= NUMBER"));
  EXPECT_THAT(error(""), HasSubstr("no condition"));
  EXPECT_THAT(error(">="), HasSubstr("no metric"));
  EXPECT_THAT(error("recall/covid >= much"), HasSubstr("`much` is no number"));
  EXPECT_THAT(error("recall/covid >= nan"), HasSubstr("`nan` is no number"));
  EXPECT_THAT(error("recall/covid >= 0.9x"), HasSubstr("no number"));
  EXPECT_THAT(error("recall/covdi >= 0.9"), HasSubstr("did you mean `covid`?"));
}

TEST(ThresholdTargetTest, OnlyFiguresOfOneClassThatAThresholdMoves) {
  EXPECT_TRUE(ParseThresholdTarget("recall/covid >= 0.95", kClasses).ok());
  EXPECT_EQ(ParseThresholdTarget("ppv/covid >= 1", kClasses)->metric.name,
            "precision");
  for (const char* text :
       {"accuracy >= 0.9", "f1/covid >= 0.9", "recall/macro >= 0.9",
        "recall/covid <= 0.9", "recall/covid >= 1.5", "npv/covid >= -1"})
    EXPECT_EQ(ParseThresholdTarget(text, kClasses).status().code(),
              StatusCode::kInvalid)
        << text;
}

}  // namespace
}  // namespace besom::sweeps
