#include "stages/metric/distributions.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

namespace math = boost::math;

// Doubles throughout: long double is another type on another machine.
using Policy = math::policies::policy<
    math::policies::promote_double<false>,
    math::policies::discrete_quantile<math::policies::integer_round_nearest>>;
using Normal = math::normal_distribution<double, Policy>;
using StudentsT = math::students_t_distribution<double, Policy>;
using Beta = math::beta_distribution<double, Policy>;
using Binomial = math::binomial_distribution<double, Policy>;

void CheckProbability(double p) {
  BESOM_CHECK(p > 0 && p < 1, "a probability inside of (0, 1)");
}

}  // namespace

double NormalQuantile(double p) {
  CheckProbability(p);
  return math::quantile(Normal(), p);
}

double NormalCdf(double z) { return math::cdf(Normal(), z); }

double TQuantile(double p, double freedom) {
  CheckProbability(p);
  return math::quantile(StudentsT(freedom), p);
}

double TTwoSided(double t, double freedom) {
  return 2 * math::cdf(math::complement(StudentsT(freedom), std::fabs(t)));
}

double BetaQuantile(double p, double a, double b) {
  CheckProbability(p);
  return math::quantile(Beta(a, b), p);
}

double BinomialHalfTwoSided(std::int64_t hits, std::int64_t n) {
  BESOM_CHECK(hits >= 0 && hits <= n, "0 <= hits <= n");
  if (n == 0) return 1;
  const auto fewer = static_cast<double>(std::min(hits, n - hits));
  const double tail = math::cdf(Binomial(static_cast<double>(n), 0.5), fewer);
  // Far out, the tail is less than any double, but it is not 0.
  return std::clamp(2 * tail, std::numeric_limits<double>::min(), 1.0);
}

double TwoSidedZ(double level) { return NormalQuantile(0.5 + level / 2); }

}  // namespace besom::stages
