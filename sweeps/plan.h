#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "sweeps/spec.h"

namespace besom::sweeps {

/// One configuration of a sweep.
struct Trial {
  /// The fully resolved document: SweepSpec::base with the axes' values set,
  /// `model.weights` resolved for the backbone ("imagenet", "random", a
  /// name or an absolute path) and `train.class_weights` complete.
  Json config;
  /// Axis path -> value; null where the axis is inactive.
  Json parameters;
  std::int64_t ordinal = 0;  ///< From 0, in the order of the method.
};

/// The trials of a sweep and what became of the rest:
/// considered = trials + merged + constrained.
struct TrialPlan {
  std::vector<Trial> trials;
  std::int64_t considered = 0;   ///< Combinations looked at.
  std::int64_t merged = 0;       ///< Equal to an earlier trial.
  std::int64_t constrained = 0;  ///< Refused by `constraints`.
  std::int64_t capped = 0;       ///< Finite spaces: not looked at (run_cap).
};

/// Most trials of one sweep.
inline constexpr std::int64_t kMostTrials = 100'000;

/// Expands a sweep into its trials. A pure function of the spec: grid runs the
/// last axis fastest, list keeps its order, random draws proposal p from (seed,
/// p) alone, so that a larger run_cap only appends (a finite space is sampled
/// without repeats, and wholly when run_cap is 0).
/// An axis whose `when` is false takes the base section's value; `when` may
/// read other axes in any order, but not in a circle. kInvalid with a place
/// for circles, conditions that do not evaluate, values that do not fit
/// together, more than kMostTrials, and a random sweep without an end.
Result<TrialPlan> ExpandTrials(const SweepSpec& spec);

/// What of a trial's config decides its numbers: the config without name,
/// absolute paths (of sources, split.file, weights files and TorchScript files,
/// whose digests the planner adds), resources, limits, slurm, metric, method,
/// run_cap and early_terminate. Two trials with equal identity and equal data
/// and weights are the same trial.
Json IdentityOf(const Json& config);

}  // namespace besom::sweeps
