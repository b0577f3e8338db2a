#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/results_store.h"
#include "pipeline/run/planner.h"
#include "pipeline/store/blob_store.h"
#include "pipeline/store/sweep_shard.h"

namespace besom::run {

/// By task: more than one of `count` shards needs it.
std::vector<bool> SharedTasks(const SweepGraph& sweep, int count);

/// What the workspace's database knows of a sweep.
struct EarlierWork {
  std::vector<std::optional<db::ActionRow>> actions;  ///< By task.
  std::map<std::string, db::TrialState> states;       ///< By trial.
};

/// Leaves the trials of `sweep` that `shard` is to compute: those of its block
/// that have not ended; ones that failed are left too when `retry_failed`.
/// Returns how many of the block failed and stay so. What is done and has lost
/// a blob of its evaluation is to be computed again.
std::size_t KeepWorkOf(SweepGraph& sweep, const SweepShard& shard,
                       const EarlierWork& earlier, bool retry_failed,
                       const BlobStore& blobs);

}  // namespace besom::run
