#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "stages/metric/interval.h"

namespace besom::stages {

struct BootstrapOptions {
  int draws = 1000;  ///< 0: no interval is estimated.
  double level = 0.95;
  std::uint64_t seed = 0;
};

/// Figures of the set in which group g stands counts[g] times; always as many
/// figures, those that this set does not define without value.
using GroupStatistic = std::function<std::vector<std::optional<double>>(
    std::span<const int> counts)>;

/// What one figure did over the draws, in their order; draws without value are
/// left out. The jackknife leaves out a block of groups at a time.
struct BootstrapSample {
  std::optional<double> value;
  std::vector<double> draws, jackknife;
};

/// Most blocks of the jackknife; with more groups, group g is in block
/// g mod 256.
inline constexpr int kJackknifeBlocks = 256;

/// Draws as many groups as there are, with replacement, `draws` times. Draw d
/// depends on (seed, d) only. One sample per figure. Pure if `statistic` is.
std::vector<BootstrapSample> BootstrapGroups(int groups,
                                             const GroupStatistic& statistic,
                                             const BootstrapOptions& options);

/// Bias-corrected and accelerated interval (Efron, JASA 82:171, 1987, section
/// 3): unlike percentiles it follows the bias and skew that F1, kappa or ECE
/// of few groups have, and unlike +- sd it stays inside of their range. Ends
/// are interpolated linearly between sorted draws. Where nearly all draws lie
/// on one side of the value, as those of ECE may, the corrected interval would
/// leave the value itself out: it is widened to hold it. Method
/// "bootstrap_bca", groups as given. Not estimable: no value, no draws, fewer
/// than 90 % of them with a value, all equal, or the value is beyond all of
/// them (BCa undefined).
Interval BcaInterval(const BootstrapSample& sample, int groups,
                     const BootstrapOptions& options);

}  // namespace besom::stages
