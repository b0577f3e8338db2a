#include "pipeline/run/take_sweep.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "pipeline/run/adopt.h"
#include "pipeline/run/fit_summaries.h"
#include "pipeline/run/leader_comparisons.h"
#include "pipeline/run/part_states.h"

namespace besom::run {
namespace {

constexpr double kWaitSeconds = 0.5;  ///< For another run of the sweep.

Status TakeLock(const RunOptions& options, const SweepParts& parts,
                HeldSweep& held) {
  SweepLockRequest request;
  request.sweep = parts.sweep;
  request.path = parts.layout.sweep_lock(parts.sweep);
  if (options.shard) {
    request.shard = options.shard->ToText();
    request.path = parts.layout.shard_lock(parts.sweep, *options.shard);
  }
  request.steal = parts.steal;
  request.stop_requests = parts.stop_requests;
  request.sleep = parts.sleep;
  BESOM_ASSIGN_OR_RETURN(SweepLock lock, SweepLock::Take(request, parts.judge));
  held.lock.emplace(std::move(lock));
  return Status::Ok();
}

Status ShareWorkspace(const SweepParts& parts, HeldSweep& held) {
  BESOM_ASSIGN_OR_RETURN(WorkspaceLock shared,
                         WorkspaceLock::TakeShared(parts.layout));
  held.shared.emplace(std::move(shared));
  BESOM_ASSIGN_OR_RETURN(held.results, OpenResults(parts.layout.database()));
  return Status::Ok();
}

/// No shard may be alive, and what they left is merged.
Status TakeWhole(const RunOptions& options, const SweepParts& parts,
                 HeldSweep& held) {
  BESOM_RETURN_IF_ERROR(TakeLock(options, parts, held));
  // A shard that begins from now on finds the lock of the sweep held.
  BESOM_ASSIGN_OR_RETURN(std::vector<SweepShard> begun, BegunShards(parts));
  if (begun.empty() && !HasLeftovers(parts)) return ShareWorkspace(parts, held);
  BESOM_ASSIGN_OR_RETURN(const PartsLock merging, PartsLock::Take(parts));
  BESOM_ASSIGN_OR_RETURN(begun, BegunShards(parts));
  BESOM_ASSIGN_OR_RETURN(std::vector<IdleShard> idle, HoldIdle(parts, begun));
  BESOM_RETURN_IF_ERROR(ShareWorkspace(parts, held));
  BESOM_ASSIGN_OR_RETURN(held.merged,
                         MergeParts(parts, std::move(idle), *held.results));
  return Status::Ok();
}

/// Parts that the shard cannot go on beside are merged first.
Status MergeStale(const RunOptions& options, const SweepParts& parts,
                  const std::string& spec_json, HeldSweep& held) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<SweepShard> stale,
                         StaleParts(parts, *options.shard, spec_json));
  if (stale.empty()) return RemoveLeftovers(parts);
  Result<std::vector<IdleShard>> idle = HoldIdle(parts, stale, *options.shard);
  if (idle.status().code() == StatusCode::kInterrupted && !options.wait)
    return InvalidError(
        fmt::format("--shard {}", options.shard->ToText()),
        fmt::format("{}: {}; it is one of another number of shards, of "
                    "another spec, or of another besom",
                    idle.status().place(), idle.status().cause()),
        "run all shards of a sweep with one spec, one K and one besom; or wait "
        "until it has ended: what it has done is taken over then");
  if (!idle.ok()) return idle.status();
  BESOM_ASSIGN_OR_RETURN(held.merged,
                         MergeParts(parts, *std::move(idle), *held.results));
  return Status::Ok();
}

/// No run of the whole sweep may be alive, nor another one of the shard.
Status TakeShard(const RunOptions& options, const SweepParts& parts,
                 const std::string& spec_json, HeldSweep& held) {
  BESOM_ASSIGN_OR_RETURN(PartsLock beginning, PartsLock::Take(parts));
  held.beginning.emplace(std::move(beginning));
  BESOM_RETURN_IF_ERROR(TakeLock(options, parts, held));
  BESOM_RETURN_IF_ERROR(CheckNoWholeRun(parts));
  BESOM_RETURN_IF_ERROR(ShareWorkspace(parts, held));
  return MergeStale(options, parts, spec_json, held);
}

Result<HeldSweep> TryTake(const RunOptions& options, const SweepParts& parts,
                          const std::string& spec_json) {
  HeldSweep held;
  BESOM_RETURN_IF_ERROR(options.shard
                            ? TakeShard(options, parts, spec_json, held)
                            : TakeWhole(options, parts, held));
  return held;
}

}  // namespace

Result<HeldSweep> TakeSweep(const RunOptions& options, const SweepParts& parts,
                            const std::string& spec_json) {
  while (true) {
    Result<HeldSweep> held = TryTake(options, parts, spec_json);
    if (held.status().code() != StatusCode::kInterrupted || !options.wait ||
        parts.stop_requests() > 0)
      return held;
    parts.sleep(kWaitSeconds);
  }
}

Result<std::size_t> MergeEndedShards(SweepParts parts) {
  constexpr std::size_t kNone = 0;
  parts.steal = false;
  BESOM_ASSIGN_OR_RETURN(const PartsLock merging, PartsLock::Take(parts));
  BESOM_ASSIGN_OR_RETURN(const std::vector<PartStates> all,
                         ReadParts(parts.layout, parts.sweep));
  if (all.empty()) {
    BESOM_RETURN_IF_ERROR(RemoveLeftovers(parts));
    return kNone;
  }
  BESOM_ASSIGN_OR_RETURN(auto results, OpenResults(parts.layout.database()));
  BESOM_ASSIGN_OR_RETURN(const auto stored, results->FindSweep(parts.sweep));
  if (!stored) return kNone;
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::TrialStatus> trials,
                         results->TrialStates(stored->id));
  TrialStates states;
  for (const db::TrialStatus& trial : trials)
    if (trial.planned) states[trial.trial] = trial.state;
  AddPartStates(all, states);
  for (const auto& [trial, state] : states)
    if (!HasEnded(state)) return kNone;
  const Status whole = CheckNoWholeRun(parts);
  if (whole.code() == StatusCode::kInterrupted) return kNone;
  BESOM_RETURN_IF_ERROR(whole);
  BESOM_ASSIGN_OR_RETURN(const std::vector<SweepShard> begun,
                         BegunShards(parts));
  Result<std::vector<IdleShard>> idle = HoldIdle(parts, begun);
  if (idle.status().code() == StatusCode::kInterrupted) return kNone;
  if (!idle.ok()) return idle.status();
  BESOM_ASSIGN_OR_RETURN(const std::size_t merged,
                         MergeParts(parts, *std::move(idle), *results));
  BESOM_RETURN_IF_ERROR(
      EndDeadRuns(parts.layout, stored->id, *results, parts.clock));
  results.reset();
  BESOM_RETURN_IF_ERROR(
      RecordComparisons(parts.layout.database(), parts.sweep));
  return merged;
}

}  // namespace besom::run
