#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/random.h"
#include "pipeline/base/result.h"
#include "sweeps/diagnostics.h"

namespace besom::sweeps {

/// How an axis is drawn: W&B's distributions, definitions and names (docs of
/// W&B sweeps, "Distribution options for random and Bayesian search").
enum class Distribution {
  kValues,               ///< One of `values`, equally likely.
  kCategorical,          ///< One of `values` with `probabilities`.
  kIntUniform,           ///< Whole numbers min..max, both included.
  kUniform,              ///< [min, max).
  kQUniform,             ///< Uniform, rounded to a multiple of q.
  kLogUniformValues,     ///< log(x) uniform in [log(min), log(max)).
  kQLogUniformValues,    ///< The same, rounded to a multiple of q.
  kInvLogUniformValues,  ///< log(1/x) uniform in [log(1/max), log(1/min)).
  kNormal,               ///< Normal with mu, sigma.
  kQNormal,
  kLogNormal,  ///< exp of normal.
  kQLogNormal,
};

/// One axis of the search space.
struct Axis {
  std::string path;  ///< Full dotted path: "model.head".
  Distribution distribution = Distribution::kValues;
  /// kValues, kCategorical: each as the section itself would hold it.
  std::vector<Json> values;
  std::vector<double> probabilities;  ///< kCategorical; sum 1.
  double min = 0, max = 0, q = 1, mu = 0, sigma = 1;
  bool integer = false;  ///< The key holds whole numbers: draws are rounded.
  std::string when;      ///< Condition; empty = always active.
  Place place;           ///< Of its key in `parameters`.
  Place when_place;

  /// True when every value is equally likely and they can be counted: such
  /// axes are sampled without repeats.
  bool enumerable() const;
  /// The values that a grid runs through (the first kMostTrials + 1 of them);
  /// none = continuous.
  std::optional<std::vector<Json>> GridValues() const;
  /// Draws one value. The result may break the key's range or type (normal):
  /// the caller checks and draws again.
  Json Draw(KeyedRandom& random) const;
  /// As the spec is stored and shown: {distribution, ...}.
  Json ToJson() const;
};

/// Whole doubles up to here, and no others, are exact.
inline constexpr double kLargestExact = 9007199254740992.0;

/// The YAML name of a distribution ("log_uniform_values"); "values" for
/// kValues.
std::string DistributionName(Distribution distribution);

/// `x` rounded to a multiple of `q`, without the noise of binary fractions:
/// RoundTo(0.31, 0.1) is 0.3 exactly as YAML reads 0.3. REQUIRES: q > 0.
double RoundTo(double x, double q);

/// `value` as the type of its key; a number that no integer holds stays a
/// double.
Json AxisNumber(double value, bool integer);

}  // namespace besom::sweeps
