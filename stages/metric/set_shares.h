#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stages/metric/group_bootstrap.h"
#include "stages/metric/interval.h"
#include "stages/metric/scored_set.h"

namespace besom::stages {

/// How often a set is taken for a class, whatever its images are.
struct ClassShare {
  std::string name;            ///< The class, or "not CLASS".
  std::int64_t predicted = 0;  ///< Images.
  double share = 0;            ///< Of the set's images.
  Interval share_interval;     ///< GroupProportionInterval.
  double mean_probability = 0;
  Interval probability_interval;  ///< bootstrap_bca over groups.
};

/// A row per class, then "not POSITIVE" for a `positive` that is a class; the
/// set may lack classes. Empty for an empty set. Pure; any thread.
std::vector<ClassShare> SharesOf(const std::vector<std::string>& classes,
                                 const ScoredSet& set,
                                 const std::string& positive,
                                 const BootstrapOptions& options);

}  // namespace besom::stages
