#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/json.h"

namespace besom::db {

// Plain values that the recorder hands to the results store. Digests and keys
// are lower-case hexadecimal; times are seconds since 1970-01-01 UTC, given by
// the caller's clock; texts may hold any UTF-8.

/// INTERFACE: `pending, running, done, pruned, failed, preempted, cancelled`.
enum class TrialState {
  kPending,
  kRunning,
  kDone,
  kPruned,
  kFailed,
  kPreempted,
  kCancelled
};
std::string_view NameOf(TrialState state);
/// None for a name that is no state.
std::optional<TrialState> TrialStateOf(std::string_view name);

/// One thing that trials are ranked by.
struct Criterion {
  std::string label;  ///< As the spec writes it: "recall/covid", "loss".
  std::string name;   ///< As in the `metrics` view: "recall".
  std::string cls;    ///< A class, "macro avg", "weighted avg"; "" = overall.
  bool maximize = true;
};

/// What a figure of a trial has to be, on the set that trials are ranked on.
struct Bound {
  std::string label;      ///< As the spec writes it: "recall/covid >= 0.95".
  std::string name, cls;  ///< As of a Criterion.
  bool at_least = true;   ///< Else at most.
  double bound = 0;
};

/// Pretrained (or random) weights that a sweep's trials start from.
struct WeightsRow {
  std::string backbone;
  std::string weights;  ///< As the spec says: "imagenet", a name, a file.
  std::string entry;    ///< Of the registry; "" = NULL.
  std::string digest;   ///< SHA-256 of the file, or "random".
  std::string source;   ///< Where they are from, as the file says; "" = NULL.
  std::string license;  ///< As the file says; "" = NULL.
  std::string preprocessing;  ///< What they want of pixels, canonical JSON.
  bool operator==(const WeightsRow&) const = default;
};

/// A sweep as its spec says now. `name` is its identity.
struct SweepRow {
  std::string name;
  std::string spec_yaml;  ///< The text that the user wrote.
  std::string spec_json;  ///< Canonical, all defaults filled in.
  std::uint64_t seed = 0;
  std::string numerics;  ///< The numerics tag.
  Criterion metric;
  std::string split;  ///< The set that `metric` and `then` look at.
  std::vector<Criterion> then;
  std::vector<Bound> bounds;
  bool allow_test = false;  ///< Selected on test or on an external set.
  std::string version;      ///< Of besom.
  double time = 0;          ///< Now.
  /// Those of earlier calls stay: other trials may have started from them.
  std::vector<WeightsRow> weights;
};

/// A trial of the current plan. `trial` (16 hexadecimal digits) is its
/// identity within the sweep.
struct TrialRow {
  std::string trial;
  std::int64_t ordinal = 0;  ///< Place in the plan, from 0.
  Json parameters;           ///< axis -> value; null = inactive.
  std::string config;        ///< Canonical JSON of the whole trial.
  std::string backbone;
  std::string head;  ///< "[64]", as JSON.
  std::optional<double> dropout;
  int fits = 1;  ///< repeats * folds.
};

struct TrialStatus {
  std::string trial;
  TrialState state = TrialState::kPending;
  bool planned = true;  ///< False: the spec no longer holds it.
  int fits = 1;
  int fits_recorded = 0;  ///< Fits whose evaluation rows are committed.
  std::string error;
};

struct TrialChange {
  std::string trial;
  TrialState state = TrialState::kPending;
  std::string error;  ///< Why it failed; empty = NULL.
};

/// A process that works on a sweep, for "already running by ..." and status.
struct RunRow {
  std::string run;  ///< Unique: also the name of its lock file.
  std::string host;
  std::int64_t pid = 0;
  std::string job;  ///< Slurm job id; "" = none.
  int ranks = 1;
  double started = 0;
  std::optional<double> ended;
  std::string outcome;  ///< "" while it runs.
};

}  // namespace besom::db
