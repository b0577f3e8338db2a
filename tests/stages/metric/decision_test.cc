#include "stages/metric/decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "stages/metric/set_scorer.h"
#include "stages/metric/set_scores.h"

namespace besom::stages {
namespace {

using ::testing::ElementsAre;

const std::vector<std::string> kClasses = {"covid", "normal", "pneumonia"};

/// Images of the given classes with the given probability of class 0, the rest
/// of it on class 2; two images a group.
ScoredSet SetOf(const std::vector<std::pair<int, double>>& images) {
  ScoredSet set{.classes = 3};
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto [actual, p] = images[i];
    set.actual.push_back(actual);
    set.group.push_back(static_cast<int>(i / 2));
    for (const double value : {p, 0.25 * (1 - p), 0.75 * (1 - p)})
      set.probabilities.push_back(value);
  }
  return set;
}

// Covid at 0.9, 0.6, 0.6 and 0.2; others at 0.7, 0.6, 0.1 and 0.
const ScoredSet kSet = SetOf({{0, 0.9},
                              {0, 0.6},
                              {1, 0.7},
                              {2, 0.6},
                              {0, 0.6},
                              {0, 0.2},
                              {1, 0.1},
                              {2, 0.0}});

std::optional<double> Chosen(const char* metric, double least) {
  const auto threshold = ChooseThreshold(kSet, {metric, 0, least});
  return threshold ? std::optional(threshold->value) : std::nullopt;
}

TEST(ThresholdTest, RecallTakesTheLargestThatReachesIt) {
  EXPECT_EQ(Chosen("recall", 0.25), 0.9);
  EXPECT_EQ(Chosen("recall", 0.26), 0.6);
  EXPECT_EQ(Chosen("recall", 0.75), 0.6);
  EXPECT_EQ(Chosen("recall", 0.95), 0.2);
}

TEST(ThresholdTest, SpecificityAndPrecisionTakeTheSmallest) {
  EXPECT_EQ(Chosen("specificity", 1), 0.9);
  EXPECT_EQ(Chosen("specificity", 0.75), 0.7);
  EXPECT_EQ(Chosen("specificity", 0.5), 0.2);
  EXPECT_EQ(Chosen("precision", 0.6), 0.2);
  EXPECT_EQ(Chosen("precision", 0.7), 0.9);
  EXPECT_EQ(Chosen("npv", 1), 0.2);
}

TEST(ThresholdTest, OutOfReachIsNone) {
  // The most probable image is not of the class.
  const ScoredSet set = SetOf({{1, 0.9}, {0, 0.8}});
  EXPECT_FALSE(ChooseThreshold(set, {"precision", 0, 0.9}));
  EXPECT_FALSE(ChooseThreshold(set, {"recall", 2, 0.5})) << "no such image";
  EXPECT_FALSE(ChooseThreshold(ScoredSet{.classes = 3}, {"recall", 0, 0.5}));
}

TEST(ThresholdTest, CountsGroupsAndSaysWhenTheyAreFew) {
  EXPECT_EQ(ChooseThreshold(kSet, {"recall", 0, 0.9})->positive_groups, 2);
  const auto with = [](int groups) {
    ScoredSet set{.classes = 2};
    for (int g = 0; g < groups; ++g) {
      set.actual.push_back(0);
      set.group.push_back(g);
      set.probabilities.insert(set.probabilities.end(), {0.5, 0.5});
    }
    return ChooseThreshold(set, {"recall", 0, 0.9})->positive_groups;
  };
  EXPECT_LT(with(19), kReliableGroups);
  EXPECT_GE(with(20), kReliableGroups);
}

TEST(ThresholdTest, BelowItTheLargestOfTheRestIsDecidedOn) {
  EXPECT_THAT(PredictedAtThreshold(kSet, 0, 0.6),
              ElementsAre(0, 0, 0, 0, 0, 2, 2, 2));
  EXPECT_THAT(PredictedAtThreshold(kSet, 0, 0.61),
              ElementsAre(0, 2, 0, 2, 2, 2, 2, 2));
  EXPECT_THAT(PredictedAtThreshold(kSet, 2, 2),
              ElementsAre(0, 0, 0, 0, 0, 0, 1, 1))
      << "the first on ties";
  ScoredSet tie{.classes = 3,
                .actual = {0},
                .probabilities = {0.2, 0.4, 0.4},
                .group = {0}};
  EXPECT_THAT(PredictedAtThreshold(tie, 0, 0.5), ElementsAre(1));
}

TEST(CostsTest, OthersCostOneAndBeingRightNothing) {
  EXPECT_THAT(CostsOf(kClasses, Json::object()), ElementsAre());
  EXPECT_THAT(CostsOf(kClasses, {{"covid", {{"normal", 20}}}}),
              ElementsAre(ElementsAre(0, 20, 1), ElementsAre(1, 0, 1),
                          ElementsAre(1, 1, 0)));
}

std::optional<double> ValueOf(const std::vector<ScoreRow>& rows,
                              const char* name) {
  const auto row = std::ranges::find(rows, name, &ScoreRow::name);
  return row == rows.end() ? std::nullopt : row->value;
}

TEST(CostsTest, TheExpectedCostIsTheirMean) {
  const Decision decision{
      .costs = CostsOf(
          kClasses, {{"covid", {{"normal", 20}}}, {"normal", {{"covid", 3}}}})};
  // One covid at 0.2 is taken for pneumonia (1), one normal for covid (3), one
  // for pneumonia (1), one pneumonia for covid (1).
  const auto rows = ScoreSet(kClasses, kSet, {.draws = 100}, decision);
  EXPECT_EQ(ValueOf(rows, "expected_cost"), (1 + 3 + 1 + 1) / 8.0);
  const auto row = std::ranges::find(rows, "expected_cost", &ScoreRow::name);
  ASSERT_TRUE(row->interval && row->interval->low);
  EXPECT_LT(*row->interval->low, *row->value);
  EXPECT_GT(*row->interval->high, *row->value);
  EXPECT_FALSE(
      ValueOf(ScoreSet(kClasses, kSet, {.draws = 0}), "expected_cost"));
}

TEST(DecisionTest, FiguresComeFromWhatWasDecided) {
  const Decision decision{PredictedAtThreshold(kSet, 0, 0.1)};
  const auto rows = ScoreSet(kClasses, kSet, {.draws = 0}, decision);
  for (const ScoreRow& row : rows) {
    EXPECT_FALSE(row.name.ends_with("_auc") || row.name.starts_with("top_") ||
                 row.name == "brier" || row.name == "ece" ||
                 row.name == "log_loss")
        << row.name;
    if (row.name == "recall" && row.cls == "covid") {
      EXPECT_EQ(row.value, 1);
    }
    if (row.name == "specificity" && row.cls == "covid") {
      EXPECT_EQ(row.value, 0.25);
      ASSERT_TRUE(row.interval);
      EXPECT_LT(*row.interval->high, 1);
    }
  }
  EXPECT_EQ(ValueOf(rows, "accuracy"), 5 / 8.0);
}

}  // namespace
}  // namespace besom::stages
