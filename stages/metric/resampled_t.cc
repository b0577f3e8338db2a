#include "stages/metric/resampled_t.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pipeline/base/check.h"
#include "stages/metric/distributions.h"

namespace besom::stages {

ResampledT CorrectedResampledT(std::span<const double> values,
                               double test_to_train, double level) {
  BESOM_CHECK(test_to_train >= 0, "a ratio of counts");
  ResampledT result;
  if (values.empty()) return result;
  const auto count = static_cast<double>(values.size());
  double sum = 0, largest = 0;
  for (const double value : values) {
    sum += value;
    largest = std::max(largest, std::fabs(value));
  }
  result.mean = sum / count;
  if (values.size() < 2) return result;
  double squares = 0;
  for (const double value : values)
    squares += (value - *result.mean) * (value - *result.mean);
  const double sd = std::sqrt(squares / (count - 1));
  result.sd = sd;
  // Equal values leave an sd of some last digits behind, which is no spread.
  constexpr double kRounding = 1e-14;
  if (sd <= kRounding * largest) return result;
  const double error = sd * std::sqrt(1 / count + test_to_train);
  const double half = TQuantile(0.5 + level / 2, count - 1) * error;
  result.low = *result.mean - half;
  result.high = *result.mean + half;
  // Far out, the tail is less than any double, but it is not 0.
  result.p = std::max(TTwoSided(*result.mean / error, count - 1),
                      std::numeric_limits<double>::min());
  return result;
}

}  // namespace besom::stages
