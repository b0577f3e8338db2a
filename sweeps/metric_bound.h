#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "sweeps/metric_name.h"

namespace besom::sweeps {

/// A condition on a figure, as `metric.subject_to` and
/// `evaluate.threshold.target` write it: "recall/covid >= 0.95".
struct MetricBound {
  MetricName metric;
  bool at_least = true;  ///< >= limit; else <= limit.
  double limit = 0;

  /// kInvalid, without a place, for anything else than METRIC >= NUMBER or
  /// METRIC <= NUMBER, and as MetricName::Parse.
  static Result<MetricBound> Parse(std::string_view text,
                                   const std::vector<std::string>& classes);
  bool operator==(const MetricBound&) const = default;
};

/// Reads what a threshold aims at: recall, specificity, precision or npv of
/// one class, at least a number from 0 to 1. kInvalid, without a place, else.
Result<MetricBound> ParseThresholdTarget(
    std::string_view text, const std::vector<std::string>& classes);

}  // namespace besom::sweeps
