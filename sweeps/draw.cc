#include <algorithm>
#include <cmath>

#include "sweeps/axis.h"

namespace besom::sweeps {
namespace {

/// exp of a uniform logarithm; the rounding of exp and log stays in range.
double LogUniform(KeyedRandom& random, double min, double max) {
  const double x = std::exp(random.Uniform(std::log(min), std::log(max)));
  return std::min(std::max(x, min), max);
}

const Json& Categorical(KeyedRandom& random, const Axis& axis) {
  double left = random.Uniform();
  for (std::size_t i = 0; i + 1 < axis.values.size(); ++i) {
    left -= axis.probabilities[i];
    if (left < 0) return axis.values[i];
  }
  return axis.values.back();
}

/// The draw before it is rounded to q.
double Continuous(KeyedRandom& random, const Axis& axis) {
  switch (axis.distribution) {
    case Distribution::kUniform:
    case Distribution::kQUniform:
      return random.Uniform(axis.min, axis.max);
    case Distribution::kLogUniformValues:
    case Distribution::kQLogUniformValues:
      return LogUniform(random, axis.min, axis.max);
    case Distribution::kInvLogUniformValues:
      return 1 / LogUniform(random, 1 / axis.max, 1 / axis.min);
    case Distribution::kNormal:
    case Distribution::kQNormal:
      return axis.mu + axis.sigma * random.Normal();
    default:
      return std::exp(axis.mu + axis.sigma * random.Normal());
  }
}

}  // namespace

Json Axis::Draw(KeyedRandom& random) const {
  if (distribution == Distribution::kValues)
    return values[random.Below(values.size())];
  if (distribution == Distribution::kCategorical)
    return Categorical(random, *this);
  if (distribution == Distribution::kIntUniform) {
    const auto low = static_cast<std::int64_t>(min);
    const auto count = static_cast<std::uint64_t>(max - min) + 1;
    const auto value = low + static_cast<std::int64_t>(random.Below(count));
    return AxisNumber(static_cast<double>(value), integer);
  }
  const double value = Continuous(random, *this);
  const bool rounded = distribution == Distribution::kQUniform ||
                       distribution == Distribution::kQLogUniformValues ||
                       distribution == Distribution::kQNormal ||
                       distribution == Distribution::kQLogNormal;
  return AxisNumber(rounded ? RoundTo(value, q) : value, integer);
}

}  // namespace besom::sweeps
