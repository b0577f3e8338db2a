#include "stages/metric/proportion_interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace besom::stages {
namespace {

using Groups = std::vector<GroupCount>;

TEST(ProportionIntervalTest, GroupsOfOneImageAreWilsons) {
  Groups groups(30, {1, 1});
  for (int i = 0; i < 6; ++i) groups[i].hits = 0;
  const Interval grouped = GroupProportionInterval(groups, 0.95);
  const Interval wilson = WilsonInterval(24, 30, 0.95);
  EXPECT_EQ(grouped.low, wilson.low);
  EXPECT_EQ(grouped.high, wilson.high);
  EXPECT_EQ(grouped.method, "wilson");
  EXPECT_EQ(grouped.groups, 30);
}

// Three equal images of a patient tell as much as one.
TEST(ProportionIntervalTest, CopiesOfAnImageTellNothingNew) {
  Groups copies(200, {3, 3});
  for (int i = 0; i < 40; ++i) copies[i].hits = 0;
  EXPECT_EQ(IntraclassCorrelation(copies, 0.7), 1.0);
  EXPECT_NEAR(RatioDesignEffect(copies), 3 * 200.0 / 199, 1e-12);
  const Interval of_copies = GroupProportionInterval(copies, 0.95);
  const Interval of_one = WilsonInterval(160, 200, 0.95);
  EXPECT_EQ(of_copies.method, "wilson_groups");
  EXPECT_EQ(of_copies.groups, 200);
  EXPECT_NEAR(*of_copies.low, *of_one.low, 0.001);
  EXPECT_NEAR(*of_copies.high, *of_one.high, 0.001);
}

// Groups more alike than chance do not make an interval shorter than that of
// independent images.
TEST(ProportionIntervalTest, TheDesignEffectIsNeverBelowOne) {
  const Groups balanced(40, {2, 4});
  EXPECT_EQ(RatioDesignEffect(balanced), 1.0);
  EXPECT_EQ(IntraclassCorrelation(balanced, 0.5), 0.0);
  const Interval interval = GroupProportionInterval(balanced, 0.95);
  const Interval wilson = WilsonInterval(80, 160, 0.95);
  EXPECT_NEAR(*interval.low, *wilson.low, 1e-9);
  EXPECT_NEAR(*interval.high, *wilson.high, 1e-9);
}

TEST(ProportionIntervalTest, AllOrNoneCountsGroupsNotImages) {
  const Interval all = GroupProportionInterval(Groups(30, {10, 10}), 0.95);
  EXPECT_EQ(all.method, "clopper_pearson_groups");
  EXPECT_EQ(all.groups, 30);
  EXPECT_NEAR(*all.low, std::pow(0.025, 1.0 / 30), 1e-12);
  EXPECT_EQ(all.high, 1.0);
  const Interval none = GroupProportionInterval(Groups(30, {0, 10}), 0.95);
  EXPECT_EQ(none.low, 0.0);
  EXPECT_NEAR(*none.high, 1 - std::pow(0.025, 1.0 / 30), 1e-12);
}

TEST(ProportionIntervalTest, GroupsWithoutImagesDoNotCount) {
  Groups groups = {{1, 2}, {3, 3}, {0, 2}, {2, 2}};
  const Interval without = GroupProportionInterval(groups, 0.95);
  groups.push_back({0, 0});
  const Interval with = GroupProportionInterval(groups, 0.95);
  EXPECT_EQ(with.groups, 4);
  EXPECT_EQ(with.low, without.low);
  EXPECT_EQ(with.high, without.high);
}

TEST(ProportionIntervalTest, OneGroupIsStillAnInterval) {
  const Interval interval = GroupProportionInterval(Groups{{3, 5}}, 0.95);
  EXPECT_GT(*interval.low, 0.0);
  EXPECT_LT(*interval.high, 1.0);
  EXPECT_LT(*interval.low, 0.6);
  EXPECT_GT(*interval.high, 0.6);
}

TEST(ProportionIntervalTest, NoImagesAreNotEstimable) {
  for (const Interval& interval :
       {GroupProportionInterval(Groups{}, 0.95),
        GroupProportionInterval(Groups(3, {0, 0}), 0.95),
        WilsonInterval(0, 0, 0.95), ClopperPearsonInterval(0, 0, 0.95)}) {
    EXPECT_EQ(interval.low, std::nullopt);
    EXPECT_EQ(interval.high, std::nullopt);
    EXPECT_EQ(interval.groups, 0);
    EXPECT_FALSE(interval.method.empty());
  }
}

TEST(ProportionIntervalTest, EndsAreExactAtNoneAndAll) {
  EXPECT_EQ(WilsonInterval(0, 12, 0.95).low, 0.0);
  EXPECT_EQ(WilsonInterval(12, 12, 0.95).high, 1.0);
}

}  // namespace
}  // namespace besom::stages
