#include "pipeline/run/sweep_lock.h"

#include <fmt/format.h>

namespace besom::run {
namespace {

constexpr double kLookSeconds = 0.5;   ///< While waiting for another run.
constexpr double kWatchSeconds = 1.0;  ///< Whether the lock is still ours.

Status IsHeld(const SweepLockRequest& request, const std::string& holder,
              bool works) {
  std::string place = fmt::format("sweep '{}'", request.sweep);
  if (!request.shard.empty()) place += ", shard " + request.shard;
  return {StatusCode::kInterrupted, std::move(place),
          works ? fmt::format("is already running ({})", holder)
                : fmt::format("may be running ({}), and this file system has "
                              "no locks that would tell",
                              holder),
          "wait for it, or pass --wait; if you know that it is dead: --steal"};
}

}  // namespace

Result<SweepLock> SweepLock::Take(const SweepLockRequest& request,
                                  HolderJudge& judge, const LockCalls& calls) {
  const Path& path = request.path;
  const std::string self = judge.self().ToText();
  while (true) {
    Result<std::optional<FileLock>> taken =
        FileLock::TryTake(path, self, calls);
    const bool works = taken.status().code() != StatusCode::kUnavailable;
    if (works) {
      BESOM_ASSIGN_OR_RETURN(std::optional<FileLock> lock, std::move(taken));
      if (lock) return SweepLock(*std::move(lock), true, "", "");
    }
    // Without locks: empty when nobody has it. Who was about to write his name
    // then finds that the file is not his (IsOurs).
    const std::string holder = FileLock::HolderOf(path);
    std::string why;
    if (request.steal)
      why = "--steal";
    else
      why = judge.WhyDead(LockHolder::Parse(holder), works);
    const bool is_free = !works && holder.empty();
    if (is_free || !why.empty()) {
      BESOM_ASSIGN_OR_RETURN(std::optional<FileLock> lock,
                             works ? FileLock::Break(path, self, calls)
                                   : FileLock::PutUnlocked(path, self));
      if (lock)
        return SweepLock(*std::move(lock), works, is_free ? "" : why, holder);
      continue;  // Somebody else was faster.
    }
    if (!request.wait || request.stop_requests() > 0)
      return IsHeld(request, holder, works);
    request.sleep(kLookSeconds);
  }
}

SweepLock::~SweepLock() {
  if (!works_) lock_.RemoveFile();
}

bool SweepLockWatch::IsLost() {
  if (is_lost_ || clock_.Monotonic() < next_look_) return is_lost_;
  next_look_ = clock_.Monotonic() + kWatchSeconds;
  is_lost_ = !lock_.IsOurs();
  return is_lost_;
}

}  // namespace besom::run
