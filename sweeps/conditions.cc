#include "sweeps/conditions.h"

#include <fmt/format.h>

#include "sweeps/parameters.h"
#include "sweeps/schema.h"

namespace besom::sweeps {
namespace {

const Json kMissing;

const Json* FindOrNull(const Json& root, const std::string& path) {
  const Json* value = FindPath(root, path);
  return value == nullptr ? &kMissing : value;
}

}  // namespace

Result<Conditions::Bound> Conditions::Bind(
    const SweepSpec& spec, const std::vector<std::string>& paths,
    const std::string& text, const Place& place) {
  auto compiled = Expression::Compile(text, [](const std::string& word) {
    return ResolveKeyPath(SweepSchema(), word);
  });
  if (!compiled.ok()) return compiled.status().Within(place.ToString());
  Bound bound{*std::move(compiled), {}, place};
  for (const std::string& path : bound.expression.paths()) {
    Binding binding{-1, "", FindOrNull(spec.base, path)};
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const bool below = path.starts_with(paths[i] + ".");
      if (path != paths[i] && !below) continue;
      binding.axis = static_cast<std::ptrdiff_t>(i);
      if (below) binding.rest = path.substr(paths[i].size() + 1);
    }
    bound.bindings.push_back(std::move(binding));
  }
  return bound;
}

Result<Conditions> Conditions::Make(const SweepSpec& spec,
                                    const std::vector<std::string>& paths) {
  Conditions conditions;
  conditions.whens_.resize(paths.size());
  for (const std::string& path : paths)
    conditions.base_values_.push_back(FindOrNull(spec.base, path));
  for (std::size_t i = 0; i < spec.axes.size(); ++i) {
    const Axis& axis = spec.axes[i];
    if (axis.when.empty()) continue;
    BESOM_ASSIGN_OR_RETURN(Bound bound,
                           Bind(spec, paths, axis.when, axis.when_place));
    conditions.whens_[i].push_back(std::move(bound));
  }
  for (const Constraint& constraint : spec.constraints) {
    BESOM_ASSIGN_OR_RETURN(
        Bound bound, Bind(spec, paths, constraint.text, constraint.place));
    conditions.constraints_.push_back(std::move(bound));
  }
  BESOM_RETURN_IF_ERROR(conditions.Order(spec));
  return conditions;
}

Status Conditions::Order(const SweepSpec& spec) {
  std::vector<int> state(whens_.size(), 0);
  for (std::size_t i = 0; i < whens_.size(); ++i)
    BESOM_RETURN_IF_ERROR(Visit(spec, i, state));
  return Status::Ok();
}

/// Depth first; state 1 = being visited, 2 = done.
Status Conditions::Visit(const SweepSpec& spec, std::size_t axis,
                         std::vector<int>& state) {
  if (state[axis] == 2) return Status::Ok();
  if (state[axis] == 1)
    return InvalidError(spec.axes[axis].when_place.ToString(),
                        fmt::format("the `when` of `{}` depends on itself",
                                    spec.axes[axis].path),
                        "break the circle of conditions");
  state[axis] = 1;
  for (const Bound& when : whens_[axis])
    for (const Binding& binding : when.bindings)
      if (binding.axis >= 0)
        BESOM_RETURN_IF_ERROR(
            Visit(spec, static_cast<std::size_t>(binding.axis), state));
  state[axis] = 2;
  order_.push_back(axis);
  return Status::Ok();
}

Result<bool> Conditions::Test(const Bound& bound, const ActivePoint& point) {
  std::vector<const Json*> values;
  for (const Binding& binding : bound.bindings) {
    if (binding.axis < 0) {
      values.push_back(binding.fixed);
      continue;
    }
    const Json* value = point.values[static_cast<std::size_t>(binding.axis)];
    values.push_back(binding.rest.empty() ? value
                                          : FindOrNull(*value, binding.rest));
  }
  auto result = bound.expression.Test(values);
  if (!result.ok()) return result.status().Within(bound.place.ToString());
  return result;
}

Result<ActivePoint> Conditions::Activate(const Proposal& proposal) const {
  ActivePoint point;
  point.values = base_values_;
  point.active.assign(proposal.size(), false);
  for (const std::size_t axis : order_) {
    bool active = proposal[axis].has_value();
    for (const Bound& when : whens_[axis]) {
      BESOM_ASSIGN_OR_RETURN(const bool holds, Test(when, point));
      active = active && holds;
    }
    point.active[axis] = active;
    if (active) point.values[axis] = &*proposal[axis];
  }
  return point;
}

Result<bool> Conditions::Meets(const ActivePoint& point) const {
  for (const Bound& constraint : constraints_) {
    BESOM_ASSIGN_OR_RETURN(const bool holds, Test(constraint, point));
    if (!holds) return false;
  }
  return true;
}

}  // namespace besom::sweeps
