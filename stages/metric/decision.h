#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "stages/metric/scored_set.h"

namespace besom::stages {

// What is made of probabilities, and what mistakes cost. Pure functions; any
// thread.

/// How the figures of a set are taken.
struct Decision {
  /// [images] class that is decided on; empty = the most probable one.
  std::vector<int> predicted = {};
  /// [actual][predicted] cost of an image; empty = there are none.
  std::vector<std::vector<double>> costs = {};
};

/// The costs that `evaluate.costs` means: those of its map
/// {actual: {predicted: cost}}, 1 for other mistakes, 0 on the diagonal. An
/// empty map is no costs. REQUIRES: names are classes.
std::vector<std::vector<double>> CostsOf(
    const std::vector<std::string>& classes, const Json& map);

/// What a threshold has to reach: "recall/covid >= 0.95".
struct ThresholdTarget {
  std::string metric;  ///< recall, specificity, precision or npv.
  int cls = 0;         ///< The class that it decides on.
  double least = 0;    ///< In [0, 1].
};

/// Groups with an image of the class below which a threshold is not reliable.
inline constexpr int kReliableGroups = 20;

struct Threshold {
  double value = 0;         ///< Positive if the class's probability >= value.
  int positive_groups = 0;  ///< Groups with an image of the class.
};

/// The threshold among the set's probabilities that meets the target there: of
/// those that do, the largest for recall and npv (it leaves the specificity as
/// high as can be), the smallest for specificity and precision (recall). None
/// when no threshold meets it, or the set has no image of the class.
std::optional<Threshold> ChooseThreshold(const ScoredSet& set,
                                         const ThresholdTarget& target);

/// The class where its probability is at least `threshold`, else the most
/// probable of the rest, the first on ties. REQUIRES: two classes or more.
std::vector<int> PredictedAtThreshold(const ScoredSet& set, int cls,
                                      double threshold);

}  // namespace besom::stages
