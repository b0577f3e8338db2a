#pragma once

#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "sweeps/expression.h"
#include "sweeps/proposals.h"
#include "sweeps/spec.h"

namespace besom::sweeps {

/// A point of the search space after `when`: pointers into the proposal, or
/// into the spec's base where an axis is inactive.
struct ActivePoint {
  std::vector<const Json*> values;  ///< One a path.
  std::vector<bool> active;
};

/// The conditions of a sweep, compiled and bound to what they read: `when` of
/// the axes in an order in which each is decided after those that it reads,
/// and the constraints. Borrows the spec. Immutable after Make.
class Conditions {
 public:
  /// kInvalid with a place for an expression that does not compile and for
  /// axes whose `when` read each other in a circle.
  static Result<Conditions> Make(const SweepSpec& spec,
                                 const std::vector<std::string>& paths);

  /// Decides which axes are active. The result points into `proposal`.
  Result<ActivePoint> Activate(const Proposal& proposal) const;
  /// True when the point meets every constraint.
  Result<bool> Meets(const ActivePoint& point) const;

 private:
  /// Where a path of an expression is found.
  struct Binding {
    std::ptrdiff_t axis = -1;     ///< -1: fixed.
    std::string rest;             ///< Below the axis's value.
    const Json* fixed = nullptr;  ///< In the base.
  };
  struct Bound {
    Expression expression;
    std::vector<Binding> bindings;
    Place place;
  };

  static Result<Bound> Bind(const SweepSpec& spec,
                            const std::vector<std::string>& paths,
                            const std::string& text, const Place& place);
  static Result<bool> Test(const Bound& bound, const ActivePoint& point);
  Status Order(const SweepSpec& spec);
  Status Visit(const SweepSpec& spec, std::size_t axis,
               std::vector<int>& state);

  std::vector<const Json*> base_values_;   ///< One a path.
  std::vector<std::vector<Bound>> whens_;  ///< One or none a path.
  std::vector<std::size_t> order_;         ///< Of deciding `when`.
  std::vector<Bound> constraints_;
};

}  // namespace besom::sweeps
