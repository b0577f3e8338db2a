#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "stages/metric/set_comparison.h"

namespace besom::run {

/// One line of a comparison of two trials.
struct TrialComparison {
  std::string a, b;  ///< Ids.
  std::string split;
  stages::Comparison test;
  std::optional<double> value_a, value_b;
  /// Holm's, over the trials that are compared by one metric on one set.
  std::optional<double> p_adjusted;
  std::int64_t units = 0;  ///< Groups, images or fits compared.
  std::string unit;        ///< "patient groups", "images", "fits".
  /// Why there is no test; else empty.
  std::string why_not;
};

struct TrialComparisonOptions {
  std::vector<std::string> metrics;  ///< METRIC[/CLASS|/macro|/weighted].
  std::vector<std::string> splits;
  std::string method;  ///< As stages::ComparisonOptions, or "resampled_t".
};

/// Compares the first trial with each other one, by each metric on each set.
/// The unit is the patient group where one holds several images (see
/// stages::CompareSets); for trials of several fits on equal splits it is the
/// corrected resampled t test of the fits' differences ("resampled_t").
/// kInvalid: an unknown metric or method, or one that does not fit.
Result<std::vector<TrialComparison>> CompareTrialsBy(
    db::Reader& reader, const std::vector<db::TrialName>& trials,
    const TrialComparisonOptions& options);

/// What is asked of a finished sweep: how the first of the leaderboard compares
/// with each of the next kRivals by what ranks them, on the set that they are
/// ranked on and on test. Empty when there are not two.
inline constexpr int kRivals = 5;
Result<std::vector<TrialComparison>> CompareLeader(db::Reader& reader,
                                                   const std::string& sweep);

}  // namespace besom::run
