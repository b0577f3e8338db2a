#pragma once

#include <string>
#include <vector>

#include "db/sweep_rows.h"
#include "pipeline/run/open_runs.h"
#include "pipeline/run/run_targets.h"
#include "pipeline/store/sweep_shard.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::run {

/// How one shard of a sweep stands, as its part of the database says.
struct PartStates {
  SweepShard shard;
  bool begun = false;  ///< There is a part of it.
  /// Why a part that has begun tells nothing: an older besom wrote it, so it
  /// is to be merged, which brings it up to date first.
  Status unreadable = Status::Ok();
  std::string spec_json;  ///< The spec that it has; as SweepRow.
  /// Trials that it has to compute, in the order of the plan. None is running
  /// when no run of the part is alive: it is pending then.
  std::vector<db::TrialStatus> trials;
  std::vector<OpenRun> open_runs;
};

/// The parts of a sweep by shard; where one of K shards has begun, those that
/// have not are there, too. Reads only; to be asked before besom.db, so that
/// what is merged meanwhile is not missed.
Result<std::vector<PartStates>> ReadParts(const WorkspaceLayout& layout,
                                          const std::string& sweep);

/// Adds what parts know to `states` of besom.db: of trials that are there, and
/// that the part has begun.
void AddPartStates(const std::vector<PartStates>& parts, TrialStates& states);

/// Nothing is left to be done for a trial.
bool HasEnded(db::TrialState state);

}  // namespace besom::run
