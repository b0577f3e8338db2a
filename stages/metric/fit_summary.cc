#include "stages/metric/fit_summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "stages/metric/distributions.h"
#include "stages/metric/metrics.h"
#include "stages/metric/resampled_t.h"

namespace besom::stages {
namespace {

struct Range {
  double low = 0, high = 1;
};

Range RangeOf(std::string_view metric) {
  if (metric == "kappa" || metric == "mcc") return {-1, 1};
  if (metric == "brier") return {0, 2};
  if (metric == "loss" || metric == "log_loss" || metric == "expected_cost" ||
      IsCount(metric))
    return {0, std::numeric_limits<double>::infinity()};
  return {};
}

void Cut(std::string_view metric, Interval& interval) {
  const Range range = RangeOf(metric);
  if (!interval.low) return;
  interval.low = std::max(*interval.low, range.low);
  interval.high = std::min(*interval.high, range.high);
}

/// None unless every fit has a value.
std::optional<std::vector<double>> ValuesOf(std::span<const FitFigure> fits) {
  std::vector<double> values;
  for (const FitFigure& fit : fits) {
    if (!fit.value) return std::nullopt;
    values.push_back(*fit.value);
  }
  return values;
}

/// Mean of the squared standard errors; none where a fit has no interval.
std::optional<double> VarianceWithin(std::span<const FitFigure> fits,
                                     double level) {
  double sum = 0;
  for (const FitFigure& fit : fits) {
    if (!fit.low) return std::nullopt;
    const double error = (*fit.high - *fit.low) / (2 * TwoSidedZ(level));
    sum += error * error;
  }
  return sum / static_cast<double>(fits.size());
}

}  // namespace

FitSummary SummarizeOwnSets(std::span<const FitFigure> fits,
                            std::string_view metric, double test_to_train,
                            double level) {
  const auto values = ValuesOf(fits);
  if (!values) return {};
  const ResampledT t = CorrectedResampledT(*values, test_to_train, level);
  Interval interval{t.low, t.high, "resampled_t",
                    static_cast<std::int64_t>(fits.size())};
  Cut(metric, interval);
  return {t.mean, t.sd, std::move(interval)};
}

FitSummary SummarizeSharedSet(std::span<const FitFigure> fits,
                              std::string_view metric, double level) {
  const auto values = ValuesOf(fits);
  if (!values) return {};
  const ResampledT t = CorrectedResampledT(*values, 0, level);
  Interval interval{std::nullopt, std::nullopt, "within_between",
                    static_cast<std::int64_t>(fits.size())};
  const auto within = VarianceWithin(fits, level);
  if (t.sd && within) {
    const double m = static_cast<double>(fits.size());
    const double between = (1 + 1 / m) * *t.sd * *t.sd;
    const double variance = *within + between;
    const double ratio = variance / between;
    // No spread at all: the normal distribution, the limit for B = 0.
    const double quantile =
        between > 0 ? TQuantile((1 + level) / 2, (m - 1) * ratio * ratio)
                    : TwoSidedZ(level);
    if (variance > 0) {
      interval.low = *t.mean - quantile * std::sqrt(variance);
      interval.high = *t.mean + quantile * std::sqrt(variance);
      Cut(metric, interval);
    }
  }
  return {t.mean, t.sd, std::move(interval)};
}

}  // namespace besom::stages
