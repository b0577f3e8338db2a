#include "stages/metric/classification_scores.h"

#include <gtest/gtest.h>

namespace besom::stages {
namespace {

// 3 of 4 found, 1 false alarm, 5 others right.
constexpr ClassCounts kCounts{
    .hits = 3, .predicted = 4, .support = 4, .total = 10};

TEST(ClassificationScoresTest, ScoresOfASmallSetByHand) {
  EXPECT_DOUBLE_EQ(*Precision(kCounts), 0.75);
  EXPECT_DOUBLE_EQ(*Recall(kCounts), 0.75);
  EXPECT_DOUBLE_EQ(*Specificity(kCounts), 5.0 / 6);
  EXPECT_DOUBLE_EQ(*NegativePredictiveValue(kCounts), 5.0 / 6);
  EXPECT_DOUBLE_EQ(*FBeta(kCounts, 2), 0.75);
  EXPECT_DOUBLE_EQ(*FBeta({.hits = 2, .predicted = 2, .support = 4}, 2),
                   5.0 * 0.5 / (4 + 0.5));
  EXPECT_DOUBLE_EQ(*CohenKappa({{3, 1}, {1, 5}}), (0.8 - 0.52) / 0.48);
  EXPECT_DOUBLE_EQ(*MatthewsCorrelation({{3, 1}, {1, 5}}), 14.0 / 24);
}

TEST(ClassificationScoresTest, AnAbsentClassHasNoRecallAndNoF) {
  const ClassCounts absent{.total = 10};
  EXPECT_EQ(Recall(absent), std::nullopt);
  EXPECT_EQ(Precision(absent), std::nullopt);
  EXPECT_EQ(FBeta(absent, 0.5), std::nullopt);
  EXPECT_EQ(Specificity(absent), 1.0);
  EXPECT_EQ(NegativePredictiveValue(absent), 1.0);
}

TEST(ClassificationScoresTest, AClassThatIsNeverPredictedScoresZero) {
  const ClassCounts missed{.support = 4, .total = 10};
  EXPECT_EQ(Precision(missed), 0.0);
  EXPECT_EQ(FBeta(missed, 2), 0.0);
  const ClassCounts everything{
      .hits = 4, .predicted = 10, .support = 4, .total = 10};
  EXPECT_EQ(NegativePredictiveValue(everything), 0.0);
  const ClassCounts only{
      .hits = 10, .predicted = 10, .support = 10, .total = 10};
  EXPECT_EQ(NegativePredictiveValue(only), std::nullopt);
  EXPECT_EQ(Specificity(only), std::nullopt);
}

TEST(ClassificationScoresTest, AgreementOfDegenerateSets) {
  const ConfusionCounts empty = {{0, 0}, {0, 0}}, one_class = {{7, 0}, {0, 0}},
                        constant = {{4, 0}, {3, 0}};
  EXPECT_EQ(CohenKappa(empty), std::nullopt);
  EXPECT_EQ(CohenKappa(one_class), std::nullopt);
  EXPECT_EQ(CohenKappa(constant), 0.0);
  EXPECT_EQ(MatthewsCorrelation(empty), std::nullopt);
  EXPECT_EQ(MatthewsCorrelation(one_class), 0.0);
  EXPECT_EQ(MatthewsCorrelation(constant), 0.0);
}

}  // namespace
}  // namespace besom::stages
