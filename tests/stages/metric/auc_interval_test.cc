#include "stages/metric/auc_interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace besom::stages {
namespace {

using Scores = std::vector<double>;
using Kinds = std::vector<std::uint8_t>;

const Scores kScores = {0.9, 0.8, 0.3, 0.6, 0.7, 0.4, 0.2, 0.3};
const Kinds kPositive = {1, 1, 1, 1, 0, 0, 0, 0};

TEST(AucIntervalTest, CopiesOfAnImageTellNothingNew) {
  Scores copies;
  Kinds positive;
  std::vector<int> group;
  for (int i = 0; i < 8; ++i)
    for (int copy = 0; copy < 3; ++copy) {
      copies.push_back(kScores[i]);
      positive.push_back(kPositive[i]);
      group.push_back(i);
    }
  const AucEstimate of_copies = ObuchowskiAuc(copies, positive, group);
  const AucEstimate of_one = DeLongAuc(kScores, kPositive);
  EXPECT_DOUBLE_EQ(*of_copies.value, *of_one.value);
  EXPECT_NEAR(*of_copies.variance, *of_one.variance, 1e-15);
  EXPECT_EQ(of_copies.groups, 8);
  EXPECT_LT(*DeLongAuc(copies, positive).variance, 0.5 * *of_one.variance);
}

TEST(AucIntervalTest, PerfectRankingIsNotEstimable) {
  const Scores perfect = {0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1};
  const AucEstimate area = DeLongAuc(perfect, kPositive);
  EXPECT_EQ(area.value, 1.0);
  EXPECT_EQ(area.variance, std::nullopt);
  const Interval interval = LogitAucInterval(area, 0.95, "delong");
  EXPECT_EQ(interval.low, std::nullopt);
  EXPECT_EQ(interval.method, "delong");
}

TEST(AucIntervalTest, OneKindOfImagesHasNoArea) {
  const AucEstimate area = DeLongAuc(Scores{0.1, 0.2}, Kinds{1, 1});
  EXPECT_EQ(area.value, std::nullopt);
  EXPECT_EQ(area.variance, std::nullopt);
  EXPECT_EQ(DeLongAuc(Scores{}, Kinds{}).value, std::nullopt);
}

TEST(AucIntervalTest, OneGroupOfAKindHasNoVariance) {
  const AucEstimate area =
      ObuchowskiAuc(kScores, kPositive, std::vector{0, 0, 0, 0, 1, 2, 3, 4});
  EXPECT_TRUE(area.value.has_value());
  EXPECT_EQ(area.variance, std::nullopt);
}

TEST(AucIntervalTest, ATrialAgainstItselfIsNotEstimable) {
  const AucEstimate none = DeLongDifference(kScores, kScores, kPositive);
  EXPECT_EQ(none.value, 0.0);
  const AucDifference test = TestAucDifference(none, 0.95);
  EXPECT_EQ(test.p, std::nullopt);
  EXPECT_EQ(test.low, std::nullopt);
}

TEST(AucIntervalTest, FarOutPIsSmallButNotZero) {
  const AucDifference test = TestAucDifference({0.5, 1e-8, {}, 50}, 0.95);
  EXPECT_GT(*test.p, 0.0);
  EXPECT_LT(*test.p, 1e-100);
}

}  // namespace
}  // namespace besom::stages
