#include "stages/metric/group_bootstrap.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "pipeline/base/check.h"
#include "pipeline/base/random.h"
#include "stages/metric/distributions.h"

namespace besom::stages {
namespace {

/// numpy.percentile's default of sorted values, at a share of 0 to 1.
double QuantileOf(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] +
         (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double Acceleration(const std::vector<double>& jackknife) {
  if (jackknife.empty()) return 0;
  double mean = 0;
  for (const double value : jackknife) mean += value;
  mean /= static_cast<double>(jackknife.size());
  double squares = 0, cubes = 0;
  for (const double value : jackknife) {
    const double distance = mean - value;
    squares += distance * distance;
    cubes += distance * distance * distance;
  }
  if (squares == 0) return 0;
  return cubes / (6 * squares * std::sqrt(squares));
}

/// The share of draws below the value, ties half.
double ShareBelow(const BootstrapSample& sample) {
  double below = 0;
  for (const double draw : sample.draws) {
    if (draw < *sample.value) below += 1;
    if (draw == *sample.value) below += 0.5;
  }
  return below / static_cast<double>(sample.draws.size());
}

}  // namespace

std::vector<BootstrapSample> BootstrapGroups(int groups,
                                             const GroupStatistic& statistic,
                                             const BootstrapOptions& options) {
  BESOM_CHECK(groups >= 0 && options.draws >= 0, "counts");
  std::vector<int> counts(groups, 1);
  const std::vector<std::optional<double>> values = statistic(counts);
  std::vector<BootstrapSample> samples(values.size());
  for (std::size_t f = 0; f < values.size(); ++f) samples[f].value = values[f];
  if (groups == 0 || options.draws == 0) return samples;
  const auto collect = [&](std::vector<double> BootstrapSample::*series) {
    const auto drawn = statistic(counts);
    BESOM_CHECK(drawn.size() == samples.size(), "as many figures");
    for (std::size_t f = 0; f < drawn.size(); ++f)
      if (drawn[f]) (samples[f].*series).push_back(*drawn[f]);
  };
  for (int d = 0; d < options.draws; ++d) {
    KeyedRandom random(options.seed, "group bootstrap",
                       {static_cast<std::uint64_t>(d)});
    std::fill(counts.begin(), counts.end(), 0);
    for (int g = 0; g < groups; ++g) ++counts[random.Below(groups)];
    collect(&BootstrapSample::draws);
  }
  const int blocks = std::min(groups, kJackknifeBlocks);
  for (int block = 0; blocks > 1 && block < blocks; ++block) {
    for (int g = 0; g < groups; ++g) counts[g] = g % blocks != block;
    collect(&BootstrapSample::jackknife);
  }
  return samples;
}

Interval BcaInterval(const BootstrapSample& sample, int groups,
                     const BootstrapOptions& options) {
  Interval interval{std::nullopt, std::nullopt, "bootstrap_bca", groups};
  constexpr double kLeastShare = 0.9;
  const auto drawn = static_cast<double>(sample.draws.size());
  if (!sample.value || sample.draws.empty() ||
      drawn < kLeastShare * options.draws)
    return interval;
  std::vector<double> sorted = sample.draws;
  std::sort(sorted.begin(), sorted.end());
  const double below = ShareBelow(sample);
  if (sorted.front() == sorted.back() || below <= 0 || below >= 1)
    return interval;
  const double bias = NormalQuantile(below);
  const double acceleration = Acceleration(sample.jackknife);
  const double z = TwoSidedZ(options.level);
  const auto end = [&](double side) {
    const double shifted = bias + side;
    return QuantileOf(sorted,
                      NormalCdf(bias + shifted / (1 - acceleration * shifted)));
  };
  interval.low = std::min(end(-z), *sample.value);
  interval.high = std::max(end(z), *sample.value);
  return interval;
}

}  // namespace besom::stages
