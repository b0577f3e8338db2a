#include "stages/metric/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace besom::stages {
namespace {

const std::vector<std::string> kClasses = {"covid", "normal", "pneumonia"};

std::optional<double> ValueOf(const std::vector<MetricValue>& metrics,
                              std::string_view name) {
  const MetricValue* metric = FindMetric(metrics, name);
  EXPECT_NE(metric, nullptr) << name;
  return metric == nullptr ? std::nullopt : metric->value;
}

TEST(MetricsTest, ConfusionCountsActualByPredicted) {
  const std::vector<int> actual = {0, 0, 1, 2}, predicted = {0, 1, 1, 0};
  EXPECT_EQ(CountConfusion(3, actual, predicted),
            (ConfusionCounts{{1, 1, 0}, {0, 1, 0}, {1, 0, 0}}));
}

// covid: 3 of 4 found, 1 false alarm; normal: 2 of 3; pneumonia: 3 of 3.
TEST(MetricsTest, FiguresOfASmallMatrixByHand) {
  const auto metrics =
      MetricsOf(kClasses, {{3, 1, 0}, {1, 2, 0}, {0, 0, 3}}, 0.25);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "accuracy"), 0.8);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "loss"), 0.25);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "recall/covid"), 0.75);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "precision/normal"), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "specificity/covid"), 5.0 / 6);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "support/pneumonia"), 3);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "support/macro"), 10);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "recall/macro"), (0.75 + 2.0 / 3 + 1) / 3);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "recall/weighted"), 0.8);
  EXPECT_EQ(FindMetric(metrics, "recall/flu"), nullptr);
  EXPECT_EQ(FindMetric(metrics, "recall"), nullptr);
}

TEST(MetricsTest, AClassThatTheSetDoesNotHoldHasNoRecall) {
  const auto metrics =
      MetricsOf(kClasses, {{0, 0, 0}, {1, 2, 0}, {0, 0, 3}}, std::nullopt);
  EXPECT_EQ(ValueOf(metrics, "recall/covid"), std::nullopt);
  EXPECT_EQ(ValueOf(metrics, "support/covid"), 0.0);
  EXPECT_EQ(ValueOf(metrics, "precision/covid"), 0.0);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "recall/macro"), (2.0 / 3 + 1) / 2);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "precision/macro"), 1);
  EXPECT_DOUBLE_EQ(*ValueOf(metrics, "balanced_accuracy"), (2.0 / 3 + 1) / 2);
  EXPECT_EQ(FindMetric(metrics, "loss"), nullptr);
}

TEST(MetricsTest, AClassThatIsNeverPredictedHasPrecisionAndF1Zero) {
  const auto metrics =
      MetricsOf(kClasses, {{0, 4, 0}, {0, 3, 0}, {0, 0, 3}}, std::nullopt);
  EXPECT_EQ(ValueOf(metrics, "precision/covid"), 0.0);
  EXPECT_EQ(ValueOf(metrics, "f1/covid"), 0.0);
  EXPECT_EQ(ValueOf(metrics, "recall/covid"), 0.0);
}

TEST(MetricsTest, AnEmptySetHasNoFigures) {
  const auto metrics =
      MetricsOf(kClasses, ConfusionCounts(3, {0, 0, 0}), std::nullopt);
  EXPECT_EQ(ValueOf(metrics, "accuracy"), std::nullopt);
  EXPECT_EQ(ValueOf(metrics, "f1/macro"), std::nullopt);
  EXPECT_EQ(ValueOf(metrics, "precision/covid"), std::nullopt);
  EXPECT_EQ(ValueOf(metrics, "support/macro"), 0.0);
}

// Always "covid" has the best recall for covid; every other figure tells.
TEST(MetricsTest, AConstantClassifierIsKnownByItsFigures) {
  const auto constant =
      MetricsOf(kClasses, {{10, 0, 0}, {30, 0, 0}, {20, 0, 0}}, std::nullopt);
  const auto modest =
      MetricsOf(kClasses, {{7, 2, 1}, {4, 22, 4}, {3, 4, 13}}, std::nullopt);
  EXPECT_EQ(ValueOf(constant, "recall/covid"), 1.0);
  EXPECT_EQ(ValueOf(constant, "predicted_classes"), 1.0);
  EXPECT_EQ(ValueOf(modest, "predicted_classes"), 3.0);
  EXPECT_DOUBLE_EQ(*ValueOf(constant, "balanced_accuracy"), 1.0 / 3);
  EXPECT_EQ(ValueOf(constant, "specificity/covid"), 0.0);
  for (const char* name : {"balanced_accuracy", "accuracy", "f1/macro",
                           "f1/covid", "precision/covid"})
    EXPECT_LT(*ValueOf(constant, name), *ValueOf(modest, name)) << name;
}

TEST(MetricsTest, LogSoftmaxIsSafeForLargeLogits) {
  const std::vector<float> logits = {1000.0F, 999.0F, -1000.0F};
  const auto values = LogSoftmax(logits);
  EXPECT_NEAR(values[0], -std::log1p(std::exp(-1.0)), 1e-12);
  EXPECT_NEAR(values[1], -1 - std::log1p(std::exp(-1.0)), 1e-12);
  EXPECT_NEAR(values[2], -2000, 1);
  EXPECT_EQ(ArgMax(values), 0);
  EXPECT_EQ(ArgMax(std::vector<double>{0.2, 0.4, 0.4}), 1);
}

}  // namespace
}  // namespace besom::stages
