#include "stages/metric/auc_interval.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include "pipeline/base/check.h"
#include "stages/metric/distributions.h"
#include "stages/metric/scored_set.h"

namespace besom::stages {
namespace {

/// Placement of each image: the share of images of the other kind that it
/// ranks on the right side of, ties half. The mean over either kind is the
/// area.
struct Placements {
  std::vector<double> value;
  double area = 0;
};

struct Kinds {
  std::int64_t positive = 0, negative = 0;
};

Kinds CountKinds(std::span<const std::uint8_t> positive) {
  Kinds kinds;
  for (const std::uint8_t is_positive : positive)
    ++(is_positive != 0 ? kinds.positive : kinds.negative);
  return kinds;
}

/// By one sort instead of all pairs (Sun and Xu, IEEE Signal Process. Lett.
/// 21:1389, 2014). REQUIRES: images of both kinds.
Placements PlacementsOf(std::span<const double> scores,
                        std::span<const std::uint8_t> positive,
                        const Kinds& kinds) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return scores[a] < scores[b];
  });
  Placements result;
  result.value.resize(scores.size());
  Kinds below;
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    Kinds tied;
    for (; end < order.size() && scores[order[end]] == scores[order[i]]; ++end)
      ++(positive[order[end]] != 0 ? tied.positive : tied.negative);
    const auto lower = static_cast<double>(2 * below.negative + tied.negative);
    const auto higher = static_cast<double>(
        2 * (kinds.positive - below.positive) - tied.positive);
    for (; i < end; ++i)
      result.value[order[i]] =
          positive[order[i]] != 0
              ? lower / (2 * static_cast<double>(kinds.negative))
              : higher / (2 * static_cast<double>(kinds.positive));
    result.area += lower * static_cast<double>(tied.positive);
    below.positive += tied.positive;
    below.negative += tied.negative;
  }
  result.area /= 2 * static_cast<double>(kinds.positive) *
                 static_cast<double>(kinds.negative);
  return result;
}

/// Images of one group, and how their placements exceed the area in sum.
struct GroupSum {
  std::int64_t positives = 0, negatives = 0;
  double positive_excess = 0, negative_excess = 0;
};

/// Obuchowski's variance of the mean of `placements`.
AucEstimate EstimateOf(const Placements& placements,
                       std::span<const std::uint8_t> positive,
                       std::span<const int> group, int groups,
                       const Kinds& kinds) {
  AucEstimate result{placements.area, std::nullopt, std::nullopt, groups};
  std::vector<GroupSum> sums(groups);
  for (std::size_t i = 0; i < positive.size(); ++i) {
    GroupSum& sum = sums[group[i]];
    const double excess = placements.value[i] - placements.area;
    if (positive[i] != 0) {
      ++sum.positives;
      sum.positive_excess += excess;
    } else {
      ++sum.negatives;
      sum.negative_excess += excess;
    }
  }
  double positives = 0, negatives = 0;  // Groups with such images.
  double s10 = 0, s01 = 0, s11 = 0;
  for (const GroupSum& sum : sums) {
    positives += sum.positives > 0;
    negatives += sum.negatives > 0;
    s10 += sum.positive_excess * sum.positive_excess;
    s01 += sum.negative_excess * sum.negative_excess;
    s11 += sum.positive_excess * sum.negative_excess;
  }
  if (positives < 2 || negatives < 2) return result;
  const auto m = static_cast<double>(kinds.positive);
  const auto n = static_cast<double>(kinds.negative);
  const double all = groups;
  const double of_positives = positives / (positives - 1) * s10 / (m * m);
  const double of_negatives = negatives / (negatives - 1) * s01 / (n * n);
  const double variance =
      of_positives + of_negatives + 2 * all / (all - 1) * s11 / (m * n);
  // Placements are shares of at most the set's images: less than this is
  // rounding, not spread.
  constexpr double kRounding = 1e-28;
  if (!(variance > kRounding)) return result;
  result.variance = variance;
  const double both = of_positives + of_negatives;
  result.freedom = both * both /
                   (of_positives * of_positives / (positives - 1) +
                    of_negatives * of_negatives / (negatives - 1));
  return result;
}

std::vector<int> EachItsOwn(std::size_t images) {
  std::vector<int> group(images);
  std::iota(group.begin(), group.end(), 0);
  return group;
}

AucEstimate Normal(AucEstimate estimate) {
  estimate.freedom.reset();
  return estimate;
}

double QuantileOf(const AucEstimate& estimate, double level) {
  return estimate.freedom ? TQuantile(0.5 + level / 2, *estimate.freedom)
                          : TwoSidedZ(level);
}

}  // namespace

AucEstimate ObuchowskiAuc(std::span<const double> scores,
                          std::span<const std::uint8_t> positive,
                          std::span<const int> group) {
  BESOM_CHECK(scores.size() == positive.size() && scores.size() == group.size(),
              "unequal lengths");
  const int groups = GroupCountOf(group);
  const Kinds kinds = CountKinds(positive);
  if (kinds.positive == 0 || kinds.negative == 0)
    return {std::nullopt, std::nullopt, std::nullopt, groups};
  const Placements placements = PlacementsOf(scores, positive, kinds);
  return EstimateOf(placements, positive, group, groups, kinds);
}

AucEstimate DeLongAuc(std::span<const double> scores,
                      std::span<const std::uint8_t> positive) {
  return Normal(ObuchowskiAuc(scores, positive, EachItsOwn(scores.size())));
}

AucEstimate ObuchowskiDifference(std::span<const double> a,
                                 std::span<const double> b,
                                 std::span<const std::uint8_t> positive,
                                 std::span<const int> group) {
  BESOM_CHECK(a.size() == b.size() && a.size() == positive.size() &&
                  a.size() == group.size(),
              "unequal lengths");
  const int groups = GroupCountOf(group);
  const Kinds kinds = CountKinds(positive);
  if (kinds.positive == 0 || kinds.negative == 0)
    return {std::nullopt, std::nullopt, std::nullopt, groups};
  Placements difference = PlacementsOf(a, positive, kinds);
  const Placements other = PlacementsOf(b, positive, kinds);
  difference.area -= other.area;
  for (std::size_t i = 0; i < difference.value.size(); ++i)
    difference.value[i] -= other.value[i];
  return EstimateOf(difference, positive, group, groups, kinds);
}

AucEstimate DeLongDifference(std::span<const double> a,
                             std::span<const double> b,
                             std::span<const std::uint8_t> positive) {
  return Normal(ObuchowskiDifference(a, b, positive, EachItsOwn(a.size())));
}

Interval LogitAucInterval(const AucEstimate& area, double level,
                          const char* method) {
  Interval interval{std::nullopt, std::nullopt, method, area.groups};
  if (!area.value || !area.variance || *area.value <= 0 || *area.value >= 1)
    return interval;
  const double a = *area.value;
  const double half =
      QuantileOf(area, level) * std::sqrt(*area.variance) / (a * (1 - a));
  const double logit = std::log(a / (1 - a));
  interval.low = 1 / (1 + std::exp(half - logit));
  interval.high = 1 / (1 + std::exp(-half - logit));
  return interval;
}

AucDifference TestAucDifference(const AucEstimate& difference, double level) {
  if (!difference.value || !difference.variance) return {};
  const double sd = std::sqrt(*difference.variance);
  const double half = QuantileOf(difference, level) * sd;
  // Far out, the tail is less than any double, but it is not 0.
  const double ratio = std::fabs(*difference.value) / sd;
  const double tail = difference.freedom ? TTwoSided(ratio, *difference.freedom)
                                         : 2 * NormalCdf(-ratio);
  return {*difference.value - half, *difference.value + half,
          std::max(tail, std::numeric_limits<double>::min())};
}

}  // namespace besom::stages
