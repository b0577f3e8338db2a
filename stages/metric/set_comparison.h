#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/metric/scored_set.h"

namespace besom::stages {

/// A row of the `comparisons` view without the trials and p_adjusted, which is
/// HolmAdjusted over the p of one table.
struct Comparison {
  std::string metric;                ///< As asked for.
  std::string method;                ///< The test's.
  std::optional<double> difference;  ///< a minus b.
  std::optional<double> low, high;   ///< None = not estimable.
  std::optional<double> p;           ///< None = not estimable; never 0.
  /// Groups with an image that a and b answer differently; nothing else tells
  /// them apart. Of tests by swapping alone.
  std::optional<std::int64_t> differing;
};

struct ComparisonOptions {
  /// "" = what the set calls for: "sign_flip" where a group holds more than
  /// one image; else "mcnemar" for accuracy, "delong" for roc_auc of a class,
  /// "sign_flip" for the rest. Or one of these or "obuchowski" by name.
  std::string method;
  int bootstrap = 1000;  ///< Draws of the interval; 0 = none.
  int permutations = 9999;
  double level = 0.95;
  std::uint64_t seed = 0;
};

/// Compares two trials on one set by one metric (METRIC[/CLASS|...]). The
/// difference's interval is the BCa bootstrap over groups, for "delong" and
/// "obuchowski" that of the test. A bootstrap knows little of few groups: where
/// the test does not exclude 0 at this level, the interval is widened to hold
/// it. kInvalid: no such metric or
/// method, a method that is not for this metric. REQUIRES: both sets hold the
/// same images in the same order: equal `actual` and `group`. A function of
/// its arguments alone; any thread.
Result<Comparison> CompareSets(const std::vector<std::string>& classes,
                               const ScoredSet& a, const ScoredSet& b,
                               std::string_view metric,
                               const ComparisonOptions& options);

}  // namespace besom::stages
