#pragma once

#include <cstdint>

namespace besom::stages {

// Quantiles and tails of the distributions that intervals and tests need, by
// Boost.Math in plain doubles. Pure functions; any thread.

/// Quantile of the standard normal. REQUIRES: 0 < p < 1.
double NormalQuantile(double p);
/// P(Z <= z) of the standard normal.
double NormalCdf(double z);
/// Quantile of Student's t. REQUIRES: 0 < p < 1, freedom > 0.
double TQuantile(double p, double freedom);
/// P(|T| >= |t|) of Student's t. REQUIRES: freedom > 0.
double TTwoSided(double t, double freedom);
/// Quantile of Beta(a, b). REQUIRES: 0 < p < 1, a > 0, b > 0.
double BetaQuantile(double p, double a, double b);
/// Two-sided exact p value of `hits` among `n` under probability 1/2; 1 for
/// n = 0. REQUIRES: 0 <= hits <= n.
double BinomialHalfTwoSided(std::int64_t hits, std::int64_t n);
/// The normal quantile of a two-sided interval of `level`, 1.96 for 0.95.
/// REQUIRES: 0 < level < 1.
double TwoSidedZ(double level);

}  // namespace besom::stages
