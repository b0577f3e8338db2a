#include "sweeps/plan.h"

#include <fmt/format.h>

#include <unordered_set>

#include "sweeps/conditions.h"
#include "sweeps/consistency.h"
#include "sweeps/proposals.h"

namespace besom::sweeps {
namespace {

// An endless draw that brings nothing new so often has seen it all.
constexpr std::int64_t kMostFruitless = 10'000;
constexpr std::int64_t kMostConsidered = 10'000'000;

/// Turns points into trials.
class TrialMaker {
 public:
  TrialMaker(const SweepSpec& spec, const std::vector<std::string>& paths)
      : spec_(spec), paths_(paths) {
    for (std::size_t i = 0; i < paths.size(); ++i)
      if (IsCheckedPath(paths[i])) checked_.push_back(i);
  }

  Result<Trial> Make(const ActivePoint& point) {
    Trial trial;
    trial.config = spec_.base;
    trial.parameters = Json::object();
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      if (point.active[i]) SetPath(trial.config, paths_[i], *point.values[i]);
      trial.parameters[paths_[i]] =
          point.active[i] ? *point.values[i] : Json(nullptr);
    }
    BESOM_RETURN_IF_ERROR(Check(point, trial.config));
    Resolve(trial.config);
    return trial;
  }

 private:
  /// Checks each combination of the axes that can cause conflicts once.
  Status Check(const ActivePoint& point, const Json& config) {
    if (checked_.empty()) return Status::Ok();
    Json values = Json::array();
    for (const std::size_t i : checked_) values.push_back(*point.values[i]);
    if (!seen_.insert(CanonicalText(values)).second) return Status::Ok();
    const std::vector<Conflict> conflicts = CheckConsistency(config);
    if (conflicts.empty()) return Status::Ok();
    const Conflict& first = conflicts.front();
    return InvalidError(PlaceOf(first).ToString(),
                        fmt::format("with {}: {}", Shown(point), first.cause),
                        first.cure);
  }

  Place PlaceOf(const Conflict& conflict) const {
    for (const std::string& path : conflict.paths)
      for (const Axis& axis : spec_.axes)
        if (Overlap(path, axis.path)) return axis.place;
    return spec_.PlaceOf(spec_.listed.empty() ? conflict.paths[0]
                                              : "parameters");
  }

  std::string Shown(const ActivePoint& point) const {
    std::string text;
    for (const std::size_t i : checked_)
      text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", paths_[i],
                          CanonicalText(*point.values[i]));
    return text;
  }

  /// Values that depend on other keys of the same trial.
  static void Resolve(Json& config) {
    Json& weights = config["model"]["weights"];
    if (weights.is_object()) {
      // A TorchScript file has its own; what does not matter is the default.
      const Json& backbone = config["model"]["backbone"];
      Json chosen = backbone.is_string() ? weights[backbone.get<std::string>()]
                                         : Json("imagenet");
      weights = std::move(chosen);
    }
    Json& class_weights = config["train"]["class_weights"];
    if (!class_weights.is_object()) return;
    for (const Json& name : config["ingest"]["classes"])
      class_weights.emplace(name.get<std::string>(), 1.0);
  }

  const SweepSpec& spec_;
  const std::vector<std::string>& paths_;
  std::vector<std::size_t> checked_;
  std::unordered_set<std::string> seen_;
};

Status TooMany(const SweepSpec& spec, std::int64_t count) {
  return InvalidError(
      spec.PlaceOf("parameters").ToString(),
      fmt::format("{} combinations, and a sweep has at most {} trials", count,
                  kMostTrials),
      "set run_cap, remove values, or use method: random with a run_cap");
}

/// Runs through the proposals.
class Expander {
 public:
  Expander(const SweepSpec& spec, Proposals& proposals,
           const Conditions& conditions, TrialMaker& maker)
      : spec_(spec),
        proposals_(proposals),
        conditions_(conditions),
        maker_(maker) {}

  Result<TrialPlan> Run() {
    const std::int64_t cap = spec_.run_cap > 0 ? spec_.run_cap : kMostTrials;
    while (static_cast<std::int64_t>(plan_.trials.size()) < cap) {
      BESOM_ASSIGN_OR_RETURN(const auto proposal, proposals_.Next());
      if (!proposal.has_value()) break;
      BESOM_RETURN_IF_ERROR(Consider(*proposal));
      if (plan_.considered > kMostConsidered)
        return TooMany(spec_, plan_.considered);
      const bool endless = !proposals_.total().has_value();
      if (endless && fruitless_ > kMostFruitless) break;
    }
    if (const auto total = proposals_.total(); total.has_value())
      plan_.capped = *total - plan_.considered;
    if (spec_.run_cap == 0 && plan_.capped > 0)
      return TooMany(spec_, plan_.considered + plan_.capped);
    if (plan_.trials.empty())
      return InvalidError(spec_.PlaceOf("constraints").ToString(),
                          "no trial meets the constraints",
                          "loosen them, or add values");
    return std::move(plan_);
  }

 private:
  Status Consider(const Proposal& proposal) {
    ++plan_.considered;
    ++fruitless_;
    BESOM_ASSIGN_OR_RETURN(const ActivePoint point,
                           conditions_.Activate(proposal));
    BESOM_ASSIGN_OR_RETURN(const bool meets, conditions_.Meets(point));
    if (!meets) {
      ++plan_.constrained;
      return Status::Ok();
    }
    Json values = Json::array();
    for (const Json* value : point.values) values.push_back(*value);
    if (!seen_.insert(CanonicalText(values)).second) {
      ++plan_.merged;
      return Status::Ok();
    }
    BESOM_ASSIGN_OR_RETURN(Trial trial, maker_.Make(point));
    trial.ordinal = static_cast<std::int64_t>(plan_.trials.size());
    plan_.trials.push_back(std::move(trial));
    fruitless_ = 0;
    return Status::Ok();
  }

  const SweepSpec& spec_;
  Proposals& proposals_;
  const Conditions& conditions_;
  TrialMaker& maker_;
  TrialPlan plan_;
  std::unordered_set<std::string> seen_;
  std::int64_t fruitless_ = 0;
};

}  // namespace

Result<TrialPlan> ExpandTrials(const SweepSpec& spec) {
  const std::vector<std::string> paths = VariedPaths(spec);
  BESOM_ASSIGN_OR_RETURN(const Conditions conditions,
                         Conditions::Make(spec, paths));
  BESOM_ASSIGN_OR_RETURN(const auto proposals, MakeProposals(spec));
  if (spec.run_cap == 0 && proposals->total().value_or(0) > kMostConsidered)
    return TooMany(spec, *proposals->total());
  TrialMaker maker(spec, paths);
  return Expander(spec, *proposals, conditions, maker).Run();
}

}  // namespace besom::sweeps
