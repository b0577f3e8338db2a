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

  /// The values that a grid runs through; none = continuous.
  std::optional<std::vector<Json>> GridValues() const;
  /// Draws one value. The result may break the key's range (normal): the
  /// caller checks and draws again.
  Json Draw(KeyedRandom& random) const;
  /// As the spec is stored and shown: {distribution, ...}.
  Json ToJson() const;
};

/// The YAML name of a distribution ("log_uniform_values"); "values" for
/// kValues.
std::string DistributionName(Distribution distribution);

/// `x` rounded to a multiple of `q`, without the noise of binary fractions:
/// RoundTo(0.31, 0.1) is 0.3 exactly as YAML reads 0.3.
double RoundTo(double x, double q);

}  // namespace besom::sweeps
