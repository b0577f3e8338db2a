#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "db/results_store.h"
#include "pipeline/run/run_options.h"
#include "pipeline/run/sweep_lock.h"
#include "pipeline/run/sweep_parts.h"
#include "pipeline/store/run_lock.h"

namespace besom::run {

/// What makes a run the only one of its sweep, or of its shard. Given back in
/// the opposite order.
struct HeldSweep {
  std::optional<PartsLock> beginning;  ///< Of a shard, until it has begun.
  std::optional<SweepLock> lock;
  std::optional<WorkspaceLock> shared;
  /// The workspace's database.
  std::unique_ptr<db::ResultsStore> results;
  std::size_t merged = 0;  ///< Parts that were merged on the way.
};

/// Takes the sweep as a whole, or the shard that `options` name. The whole:
/// what shards have left is merged. A shard: parts of another number of shards,
/// of another spec than `spec_json`, or of an older schema are merged; kInvalid
/// when one of them is alive. kInterrupted, naming it, while another run is in
/// the way, unless options say to wait.
Result<HeldSweep> TakeSweep(const RunOptions& options, const SweepParts& parts,
                            const std::string& spec_json);

/// Merges the parts of all shards, ends what runs died without an end and
/// compares the trials, when all trials of all shards have ended and nobody is
/// alive; returns how many parts. 0 otherwise: whoever is alive does it when it
/// ends. To be called by a shard that has given back its own lock.
Result<std::size_t> MergeEndedShards(SweepParts parts);

}  // namespace besom::run
