#include "pipeline/run/sweep_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "pipeline/run/part_states.h"
#include "pipeline/store/run_lock.h"

namespace besom::run {
namespace {

constexpr double kLookSeconds = 0.05;  ///< While another one merges.

/// What a robbed run of a shard should still want to write is refused.
Status EndRobbed(const SweepParts& parts, const IdleShard& idle) {
  if (!idle.lock || idle.lock->why().empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      const auto results,
      db::ResultsStore::Open(parts.layout.part(parts.sweep, idle.shard)));
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::RunRow> open,
                         results->OpenRuns());
  for (const db::RunRow& run : open) {
    BESOM_RETURN_IF_ERROR(RemoveRunLock(parts.layout, run.run));
    BESOM_RETURN_IF_ERROR(
        results->TakeOverRun(run.run, idle.lock->why(), parts.clock.Wall()));
  }
  return Status::Ok();
}

Status RemoveFolder(const Path& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (!error) return Status::Ok();
  return IoError(folder.string(),
                 fmt::format("cannot remove: {}", error.message()));
}

bool IsFolder(const Path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

}  // namespace

Result<PartsLock> PartsLock::Take(const SweepParts& parts) {
  const Path path = parts.layout.parts_lock(parts.sweep);
  const std::string self = parts.judge.self().ToText();
  while (true) {
    Result<std::optional<FileLock>> taken = FileLock::TryTake(path, self);
    if (taken.status().code() == StatusCode::kUnavailable)
      return PartsLock(std::nullopt);
    BESOM_ASSIGN_OR_RETURN(std::optional<FileLock> lock, std::move(taken));
    if (lock) return PartsLock(std::move(lock));
    const std::string holder = FileLock::HolderOf(path);
    if (!parts.judge.WhyDead(LockHolder::Parse(holder), /*locks_work=*/true)
             .empty()) {
      BESOM_ASSIGN_OR_RETURN(std::optional<FileLock> robbed,
                             FileLock::Break(path, self));
      if (robbed) return PartsLock(std::move(robbed));
    }
    if (parts.stop_requests() > 0)
      return Status(StatusCode::kInterrupted,
                    fmt::format("sweep '{}'", parts.sweep),
                    fmt::format("its shards are being merged, or one begins "
                                "({})",
                                holder),
                    "run the same command again");
    parts.sleep(kLookSeconds);
  }
}

Result<std::vector<SweepShard>> BegunShards(const SweepParts& parts) {
  BESOM_ASSIGN_OR_RETURN(std::vector<SweepShard> begun,
                         parts.layout.ListParts(parts.sweep));
  BESOM_ASSIGN_OR_RETURN(const std::vector<SweepShard> locks,
                         parts.layout.ListShardLocks(parts.sweep));
  begun.insert(begun.end(), locks.begin(), locks.end());
  std::sort(begun.begin(), begun.end());
  begun.erase(std::unique(begun.begin(), begun.end()), begun.end());
  return begun;
}

Result<std::vector<SweepShard>> StaleParts(const SweepParts& parts,
                                           const SweepShard& own,
                                           const std::string& spec_json) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<PartStates> all,
                         ReadParts(parts.layout, parts.sweep));
  std::vector<SweepShard> stale;
  for (const PartStates& part : all)
    if (part.begun && (part.shard.count != own.count || !part.unreadable.ok() ||
                       part.spec_json != spec_json))
      stale.push_back(part.shard);
  return stale;
}

Result<std::vector<IdleShard>> HoldIdle(const SweepParts& parts,
                                        const std::vector<SweepShard>& shards,
                                        std::optional<SweepShard> own) {
  std::vector<IdleShard> idle;
  for (const SweepShard& shard : shards) {
    if (shard == own) {
      idle.push_back({shard, std::nullopt});
      continue;
    }
    SweepLockRequest request;
    request.sweep = parts.sweep;
    request.shard = shard.ToText();
    request.path = parts.layout.shard_lock(parts.sweep, shard);
    request.steal = parts.steal;
    request.stop_requests = parts.stop_requests;
    request.sleep = parts.sleep;
    BESOM_ASSIGN_OR_RETURN(SweepLock lock,
                           SweepLock::Take(request, parts.judge));
    idle.push_back({shard, std::move(lock)});
  }
  return idle;
}

Status CheckNoWholeRun(const SweepParts& parts) {
  const Path path = parts.layout.sweep_lock(parts.sweep);
  const Result<bool> held = FileLock::IsHeld(path);
  const bool works = held.status().code() != StatusCode::kUnavailable;
  if (works && !held.ok()) return held.status();
  const std::string holder = FileLock::HolderOf(path);
  if (works ? !*held : holder.empty()) return Status::Ok();
  if (parts.steal ||
      !parts.judge.WhyDead(LockHolder::Parse(holder), works).empty())
    return Status::Ok();
  return {StatusCode::kInterrupted, fmt::format("sweep '{}'", parts.sweep),
          fmt::format("is already running as a whole ({})", holder),
          "wait for it, or pass --wait; if you know that it is dead: --steal"};
}

Result<std::size_t> MergeParts(const SweepParts& parts,
                               std::vector<IdleShard> shards,
                               db::ResultsStore& main) {
  std::size_t merged = 0;
  for (IdleShard& idle : shards) {
    const Path part = parts.layout.part(parts.sweep, idle.shard);
    if (StatFile(part).ok()) {
      BESOM_RETURN_IF_ERROR(EndRobbed(parts, idle));
      BESOM_RETURN_IF_ERROR(main.MergePart(parts.sweep, part));
      BESOM_RETURN_IF_ERROR(db::RemovePart(part));
      ++merged;
    }
    if (idle.lock) idle.lock->RemoveFile();
  }
  BESOM_RETURN_IF_ERROR(RemoveLeftovers(parts));
  return merged;
}

bool HasLeftovers(const SweepParts& parts) {
  return IsFolder(parts.layout.parts_of(parts.sweep)) ||
         IsFolder(parts.layout.ended_parts_of(parts.sweep));
}

Status RemoveLeftovers(const SweepParts& parts) {
  const Path ended = parts.layout.ended_parts_of(parts.sweep);
  BESOM_RETURN_IF_ERROR(RemoveFolder(ended));
  BESOM_ASSIGN_OR_RETURN(const std::vector<SweepShard> left,
                         parts.layout.ListParts(parts.sweep));
  const Path folder = parts.layout.parts_of(parts.sweep);
  if (!left.empty() || !IsFolder(folder)) return Status::Ok();
  // Whole: of a task's notes, those that are left would hold.
  std::error_code error;
  std::filesystem::rename(folder, ended, error);
  if (error)
    return IoError(folder.string(),
                   fmt::format("cannot rename: {}", error.message()));
  BESOM_RETURN_IF_ERROR(SyncFolder(parts.layout.parts()));
  return RemoveFolder(ended);
}

}  // namespace besom::run
