#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "db/results_store.h"
#include "pipeline/run/holder_judge.h"
#include "pipeline/run/sweep_lock.h"
#include "pipeline/store/file_lock.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::run {

/// Shards of a sweep: each has a database of its own (its part) beside the one
/// of the workspace, until it is merged into that. All borrowed.
struct SweepParts {
  const WorkspaceLayout& layout;
  std::string sweep;
  HolderJudge& judge;
  const Clock& clock;
  bool steal = false;  ///< The user says that shards in the way are dead.
  std::function<int()> stop_requests;
  std::function<void(double)> sleep;
};

/// Held while a shard begins and while parts are merged, so that neither
/// changes under the other. Of nothing where the file system has no locks.
class PartsLock {
 public:
  /// Waits for whoever has it. kInterrupted when the user asks to stop.
  static Result<PartsLock> Take(const SweepParts& parts);

 private:
  explicit PartsLock(std::optional<FileLock> lock) : lock_(std::move(lock)) {}
  std::optional<FileLock> lock_;
};

/// A shard that nobody runs.
struct IdleShard {
  SweepShard shard;
  /// Keeps it idle; none: the caller itself is its run.
  std::optional<SweepLock> lock;
};

/// The shards of the sweep that have ever begun, by their parts and locks.
Result<std::vector<SweepShard>> BegunShards(const SweepParts& parts);

/// The parts that `own` cannot go on beside: those of another number of shards,
/// of another spec than `spec_json`, or of an older schema.
Result<std::vector<SweepShard>> StaleParts(const SweepParts& parts,
                                           const SweepShard& own,
                                           const std::string& spec_json);

/// Takes the locks of `shards` but for `own`. kInterrupted, naming it, when one
/// of them is alive.
Result<std::vector<IdleShard>> HoldIdle(const SweepParts& parts,
                                        const std::vector<SweepShard>& shards,
                                        std::optional<SweepShard> own = {});

/// kInterrupted, naming it, while a run of the whole sweep is alive.
Status CheckNoWholeRun(const SweepParts& parts);

/// Takes what `shards` have left over into `main`, part after part, each in one
/// transaction, and removes each part once it is there; returns how many.
/// Killed at any instant, it is to be called again. REQUIRES: PartsLock.
Result<std::size_t> MergeParts(const SweepParts& parts,
                               std::vector<IdleShard> shards,
                               db::ResultsStore& main);

/// Whether there is a folder of parts, be it without any.
bool HasLeftovers(const SweepParts& parts);

/// Once no part is left, what shards told each other means nothing any more,
/// and would mislead those that begin: removes it, all of it at once. REQUIRES:
/// PartsLock.
Status RemoveLeftovers(const SweepParts& parts);

}  // namespace besom::run
