#include "stages/metric/group_bootstrap.h"

#include <gtest/gtest.h>

#include <numeric>

namespace besom::stages {
namespace {

using Values = std::vector<std::optional<double>>;

/// Mean of g over the groups drawn; a figure that group 0 alone defines.
Values Figures(std::span<const int> counts) {
  double sum = 0, n = 0;
  for (std::size_t g = 0; g < counts.size(); ++g) {
    sum += static_cast<double>(g) * counts[g];
    n += counts[g];
  }
  return {sum / n,
          counts[0] > 0 ? std::optional(1.0 * counts[0]) : std::nullopt};
}

TEST(GroupBootstrapTest, EachDrawHoldsAsManyGroups) {
  BootstrapGroups(
      9,
      [](std::span<const int> counts) {
        const int drawn = std::accumulate(counts.begin(), counts.end(), 0);
        EXPECT_TRUE(drawn == 9 || drawn == 8) << "all or all but one";
        return Values{1.0};
      },
      {.draws = 20});
}

TEST(GroupBootstrapTest, ADrawDependsOnItsNumberOnly) {
  const auto few = BootstrapGroups(20, Figures, {.draws = 10, .seed = 7});
  const auto many = BootstrapGroups(20, Figures, {.draws = 30, .seed = 7});
  ASSERT_EQ(few[0].draws.size(), 10U);
  for (int d = 0; d < 10; ++d)
    EXPECT_EQ(few[0].draws[d], many[0].draws[d]) << d;
}

TEST(GroupBootstrapTest, ManyGroupsAreLeftOutByBlocks) {
  const auto samples = BootstrapGroups(1000, Figures, {.draws = 1});
  EXPECT_EQ(samples[0].jackknife.size(), 256U);
}

TEST(GroupBootstrapTest, AFigureThatDrawsLackIsNotEstimable) {
  const BootstrapOptions options{.draws = 200};
  const auto samples = BootstrapGroups(20, Figures, options);
  EXPECT_LT(samples[1].draws.size(), 180U);
  EXPECT_TRUE(BcaInterval(samples[0], 20, options).low.has_value());
  const Interval interval = BcaInterval(samples[1], 20, options);
  EXPECT_EQ(interval.low, std::nullopt);
  EXPECT_EQ(interval.method, "bootstrap_bca");
  EXPECT_EQ(interval.groups, 20);
}

TEST(GroupBootstrapTest, AnIntervalHoldsTheValueHoweverOneSidedTheDrawsAre) {
  // A figure that grows when groups are repeated, as a calibration error does.
  BootstrapSample sample;
  for (int d = 0; d < 1000; ++d) sample.draws.push_back(0.1 + d * 1e-4);
  sample.jackknife.assign(20, 0.1);
  for (const double value : {0.1002, 0.1998}) {
    sample.value = value;
    const Interval interval = BcaInterval(sample, 20, {.draws = 1000});
    ASSERT_TRUE(interval.low && interval.high);
    EXPECT_LE(*interval.low, value);
    EXPECT_GE(*interval.high, value);
    EXPECT_LT(*interval.high - *interval.low, 0.01);
  }
}

TEST(GroupBootstrapTest, DegenerateSamplesAreNotEstimable) {
  const BootstrapOptions options{.draws = 4};
  const auto low = [&](BootstrapSample sample) {
    return BcaInterval(sample, 5, options).low;
  };
  EXPECT_EQ(low({.value = 1, .draws = {1, 1, 1, 1}}), std::nullopt);
  EXPECT_EQ(low({.value = 9, .draws = {1, 2, 3, 4}}), std::nullopt);
  EXPECT_EQ(low({.value = {}, .draws = {1, 2, 3, 4}}), std::nullopt);
  EXPECT_EQ(low({.value = 1}), std::nullopt);
  EXPECT_NE(low({.value = 2, .draws = {1, 2, 3, 4}}), std::nullopt);
  const auto one_group = BootstrapGroups(1, Figures, options);
  EXPECT_EQ(BcaInterval(one_group[0], 1, options).low, std::nullopt);
}

}  // namespace
}  // namespace besom::stages
