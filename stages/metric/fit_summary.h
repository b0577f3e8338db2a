#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "stages/metric/interval.h"

namespace besom::stages {

/// One figure of one fit.
struct FitFigure {
  std::optional<double> value;      ///< None = not defined on this fit's set.
  std::optional<double> low, high;  ///< Its interval; none = has none.
};

/// One figure of all fits of a trial.
struct FitSummary {
  std::optional<double> mean;  ///< None unless every fit has a value.
  std::optional<double> sd;    ///< Between fits, n - 1 in the denominator.
  std::optional<Interval> interval;  ///< `groups` = how many fits.
};

// Mean, spread and interval over fits; any thread. Ends are cut at the ends of
// the metric's range (RangeOf). Fewer than two fits, or no spread between
// them: the interval is not estimable.

/// Fits that are tested on images of their own (folds, repeats): the corrected
/// resampled t test (resampled_t.h), method "resampled_t". `test_to_train`:
/// images tested over images trained on in one fit.
FitSummary SummarizeOwnSets(std::span<const FitFigure> fits,
                            std::string_view metric, double test_to_train,
                            double level);

/// Fits that are tested on the same images: their spread says nothing about
/// how well these stand for others. W, the mean of the squared standard errors
/// that their intervals imply, does; with B, the variance between fits, the
/// mean has the variance W + (1 + 1/m) B and (m - 1) (1 + W / ((1 + 1/m) B))^2
/// degrees of freedom (Rubin, Multiple Imputation, 1987, section 3.1: fits
/// stand for imputations of how the training fell out). Method
/// "within_between". Where a fit has no interval: not estimable.
FitSummary SummarizeSharedSet(std::span<const FitFigure> fits,
                              std::string_view metric, double level);

}  // namespace besom::stages
