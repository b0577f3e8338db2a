#include "stages/metric/balanced_accuracy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

/// `hits` of `images` images of one class, each a patient of its own, among
/// `groups` patients from `first` on.
std::vector<GroupCount> Class(int hits, int images, int first, int groups) {
  std::vector<GroupCount> counts(groups);
  for (int i = 0; i < images; ++i) counts[first + i] = {i < hits ? 1 : 0, 1};
  return counts;
}

TEST(BalancedAccuracyTest, IsTheMeanOfRecalls) {
  const GroupRecalls recalls = {Class(8, 10, 0, 30), Class(5, 20, 10, 30)};
  EXPECT_DOUBLE_EQ(*BalancedAccuracy(recalls), (0.8 + 0.25) / 2);
  EXPECT_FALSE(BalancedAccuracy(GroupRecalls{Class(0, 0, 0, 3)}));
}

TEST(BalancedAccuracyTest, ErrorsOfIndependentClassesAddAsSquares) {
  const GroupRecalls recalls = {Class(8, 10, 0, 30), Class(5, 20, 10, 30)};
  const Interval interval = BalancedAccuracyInterval(recalls, 0.9);
  const Interval a = WilsonInterval(8, 10, 0.9), b = WilsonInterval(5, 20, 0.9);
  EXPECT_NEAR(*interval.low,
              0.525 - std::hypot(0.8 - *a.low, 0.25 - *b.low) / 2, 1e-12);
  EXPECT_NEAR(*interval.high,
              0.525 + std::hypot(*a.high - 0.8, *b.high - 0.25) / 2, 1e-12);
  EXPECT_EQ(interval.groups, 30);
  EXPECT_EQ(interval.method, "mover_wilson");
}

// Patients with an image of both classes, both right or both wrong.
TEST(BalancedAccuracyTest, ErrorsOfClassesThatGoTogetherAddUp) {
  const GroupRecalls recalls = {Class(8, 20, 0, 20), Class(8, 20, 0, 20)};
  const Interval both = BalancedAccuracyInterval(recalls, 0.95);
  const Interval one = WilsonInterval(8, 20, 0.95);
  EXPECT_NEAR(*both.low, *one.low, 1e-12);
  EXPECT_NEAR(*both.high, *one.high, 1e-12);
}

TEST(BalancedAccuracyTest, ASpreadWidensWithinZeroAndOne) {
  const GroupRecalls recalls = {Class(15, 20, 0, 40), Class(12, 20, 20, 40)};
  const Interval narrow = BalancedAccuracyInterval(recalls, 0.95),
                 wide = BalancedAccuracyInterval(recalls, 0.95, 1.5),
                 all = BalancedAccuracyInterval(recalls, 0.95, 100);
  EXPECT_NEAR(0.675 - *wide.low, 1.5 * (0.675 - *narrow.low), 1e-12);
  EXPECT_NEAR(*wide.high - 0.675, 1.5 * (*narrow.high - 0.675), 1e-12);
  EXPECT_EQ(*all.low, 0);
  EXPECT_EQ(*all.high, 1);
  EXPECT_DOUBLE_EQ(OutOfFoldSpread(5), 1.5);
  EXPECT_DOUBLE_EQ(OutOfFoldSpread(2), std::sqrt(3.0));
}

// 4,000 sets of 40 patients with 1 to 4 images, whose images agree in part.
TEST(BalancedAccuracyTest, CoversTheTruthAsOftenAsItSays) {
  constexpr double kRecalls[] = {0.85, 0.6};
  int covered = 0, below = 0;
  constexpr int kSets = 4000;
  for (int set = 0; set < kSets; ++set) {
    KeyedRandom random(1, "coverage", {static_cast<std::uint64_t>(set)});
    GroupRecalls recalls(2, std::vector<GroupCount>(80));
    for (int g = 0; g < 80; ++g) {
      GroupCount& group = recalls[g / 40][g];
      group.size = 1 + static_cast<int>(random.Below(4));
      const bool of_patient = random.Uniform() < kRecalls[g / 40];
      for (int i = 0; i < group.size; ++i) {
        const bool own = random.Uniform() < kRecalls[g / 40];
        group.hits += (random.Uniform() < 0.5 ? of_patient : own) ? 1 : 0;
      }
    }
    const Interval interval = BalancedAccuracyInterval(recalls, 0.95);
    covered += *interval.low <= 0.725 && 0.725 <= *interval.high ? 1 : 0;
    below += 0.725 < *interval.low ? 1 : 0;
  }
  EXPECT_GT(covered, 0.94 * kSets);
  EXPECT_LT(covered, 0.985 * kSets);
  EXPECT_LT(below, 0.03 * kSets);
}

}  // namespace
}  // namespace besom::stages
