#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "stages/metric/interval.h"

namespace besom::stages {

// Uncertainty of the area under the ROC curve of one class against the rest.
// Pure functions; any thread; O(n log n).

/// An area, or a difference of two, with its variance.
struct AucEstimate {
  std::optional<double> value;  ///< None unless there are images of both kinds.
  /// None = not estimable: fewer than two groups with images of a kind, or
  /// every comparison comes out alike.
  std::optional<double> variance;
  /// Degrees of freedom of the variance; none = the normal distribution.
  std::optional<double> freedom;
  std::int64_t groups = 0;  ///< Independent units; images for DeLong.
};

/// What an estimate says about the difference 0.
struct AucDifference {
  std::optional<double> low, high, p;  ///< All or none.
};

/// Area and its variance between groups (Obuchowski, Biometrics 53:567, 1997,
/// section 2): the placements of DeLong, summed by group. positive[i] != 0:
/// image i is of the class; group[i]: from 0 without gaps. Degrees of freedom
/// as Welch and Satterthwaite, from the groups with images of either kind
/// (Brunner and Munzel, Biom. J. 42:17, 2000, section 4, who rank independent
/// images): with few groups the normal distribution is too narrow.
/// REQUIRES: equal lengths, no NaN.
AucEstimate ObuchowskiAuc(std::span<const double> scores,
                          std::span<const std::uint8_t> positive,
                          std::span<const int> group);

/// The same with each image its own group and the normal distribution: DeLong,
/// DeLong and Clarke-Pearson, Biometrics 44:837, 1988.
AucEstimate DeLongAuc(std::span<const double> scores,
                      std::span<const std::uint8_t> positive);

/// Area of `a` minus area of `b` over the same images, with the variance of
/// the difference; both papers give it as L S L' with L = (1, -1).
AucEstimate ObuchowskiDifference(std::span<const double> a,
                                 std::span<const double> b,
                                 std::span<const std::uint8_t> positive,
                                 std::span<const int> group);
AucEstimate DeLongDifference(std::span<const double> a,
                             std::span<const double> b,
                             std::span<const std::uint8_t> positive);

/// Interval of an area on the logit scale, logit(A) +- q sd / (A (1 - A)), q of
/// the normal or t distribution (Pepe, The Statistical Evaluation of Medical
/// Tests, 2003, section 5.2.3): it stays inside of (0, 1) and covers better
/// than +- q sd, above all near 1 (auc_coverage_test). `method` is the
/// interval's; not estimable without variance, at 0 and at 1.
Interval LogitAucInterval(const AucEstimate& area, double level,
                          const char* method);

/// value +- q sd, and the two-sided p value of the difference 0. None without
/// variance.
AucDifference TestAucDifference(const AucEstimate& difference, double level);

}  // namespace besom::stages
