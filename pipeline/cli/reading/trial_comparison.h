#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "stages/metric/set_comparison.h"

namespace besom::cli {

/// One line of a comparison of two trials.
struct TrialComparison {
  std::string a, b;  ///< Ids.
  std::string split;
  stages::Comparison test;
  std::optional<double> value_a, value_b;
  std::optional<double> p_adjusted;  ///< Holm's, over all lines.
  std::int64_t units = 0;            ///< Groups, images or fits compared.
  std::string unit;                  ///< "patient groups", "images", "fits".
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

/// A line in words: what the difference is, how sure it is, and whether it is
/// more than chance (adjusted p below 0.05).
std::string ComparisonSentence(const TrialComparison& line);

}  // namespace besom::cli
