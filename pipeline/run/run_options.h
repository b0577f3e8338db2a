#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/run/progress.h"
#include "pipeline/store/sweep_shard.h"

namespace besom::run {

/// What `besom run` was asked to do (INTERFACE: "Verbs").
struct RunOptions {
  Path spec;
  std::vector<std::string> overrides;  ///< `path=value` of --set.
  Path workspace;
  std::string until;       ///< Last stage to run; empty = all.
  std::int64_t limit = 0;  ///< At most N new trials; 0 = all.
  bool keep_going = false, fail_fast = false;
  std::string rerun;   ///< Empty, "failed", "all" or a trial.
  bool wait = false;   ///< Wait for the run that holds the sweep.
  bool steal = false;  ///< The run that holds the sweep is dead: take it over.
  /// When the job ends that the ranks are in, seconds since 1970; 0 = it does
  /// not.
  double end_by = 0;
  /// Run this part of the sweep alone; none = all of it.
  std::optional<SweepShard> shard;
  ProgressMode progress = ProgressMode::kPlain;
};

}  // namespace besom::run
