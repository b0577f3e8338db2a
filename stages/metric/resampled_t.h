#pragma once

#include <optional>
#include <span>

namespace besom::stages {

/// What folds or repeats say about one figure, or about a difference of two.
struct ResampledT {
  std::optional<double> mean;       ///< None without values.
  std::optional<double> sd;         ///< n - 1 in the denominator; needs two.
  std::optional<double> low, high;  ///< Of the mean; none = not estimable.
  std::optional<double> p;  ///< Two-sided, of mean 0; none = not estimable.
};

/// Corrected resampled t test (Nadeau and Bengio, Machine Learning 52:239,
/// 2003, section 4, eq. 9): the fits share training images, so the variance of
/// the mean of J values is sd^2 (1/J + test_to_train), and t has J - 1 degrees
/// of freedom. `test_to_train` is images tested over images trained on in one
/// fit (for k folds 1 / (k - 1)). Not estimable: fewer than two values, or an
/// sd that is 0 but for rounding. REQUIRES: test_to_train >= 0, 0 < level < 1.
/// Any thread.
ResampledT CorrectedResampledT(std::span<const double> values,
                               double test_to_train, double level);

}  // namespace besom::stages
