#include "pipeline/store/run_lock.h"

#include <fmt/format.h>

#include <filesystem>

namespace besom {
namespace {

/// The lock, or where the file system has none, the file alone.
Result<std::optional<FileLock>> TakeOrPut(const Path& path,
                                          std::string_view holder) {
  Result<std::optional<FileLock>> taken = FileLock::TryTake(path, holder);
  if (taken.status().code() == StatusCode::kUnavailable)
    return FileLock::PutUnlocked(path, holder);
  return taken;
}

}  // namespace

Result<RunLock> RunLock::Take(const WorkspaceLayout& layout,
                              std::string_view run, std::string_view holder) {
  const Path path = layout.run_lock(run);
  BESOM_ASSIGN_OR_RETURN(std::optional<FileLock> lock, TakeOrPut(path, holder));
  if (!lock)
    return InternalError(path.string(),
                         fmt::format("the run name '{}' is in use by {}", run,
                                     FileLock::HolderOf(path)));
  return RunLock(*std::move(lock));
}

RunLock::~RunLock() { lock_.RemoveFile(); }

Result<bool> IsRunAlive(const WorkspaceLayout& layout, std::string_view run) {
  const Result<bool> held = FileLock::IsHeld(layout.run_lock(run));
  return held.status().code() == StatusCode::kUnavailable ? true : held;
}

Status RemoveRunLock(const WorkspaceLayout& layout, std::string_view run) {
  const Path path = layout.run_lock(run);
  std::error_code error;
  std::filesystem::remove(path, error);
  if (!error) return Status::Ok();
  return IoError(path.string(),
                 fmt::format("cannot remove the lock: {}", error.message()));
}

std::string HolderOfRun(const WorkspaceLayout& layout, std::string_view run) {
  return FileLock::HolderOf(layout.run_lock(run));
}

Result<int> RemoveDeadRunLocks(const WorkspaceLayout& layout) {
  std::error_code error;
  std::filesystem::directory_iterator entries(layout.run_locks(), error), end;
  if (error == std::errc::no_such_file_or_directory) return 0;
  int removed = 0;
  for (; !error && entries != end; entries.increment(error)) {
    const Path path = entries->path();
    // Empty: its run is just about to lock it.
    const std::string holder = FileLock::HolderOf(path);
    if (holder.empty()) continue;
    Result<std::optional<FileLock>> taken = FileLock::TryTake(path, holder);
    if (taken.status().code() == StatusCode::kUnavailable) return removed;
    BESOM_ASSIGN_OR_RETURN(std::optional<FileLock> lock, std::move(taken));
    if (!lock) continue;
    lock->RemoveFile();
    ++removed;
  }
  if (error)
    return IoError(layout.run_locks().string(),
                   fmt::format("cannot list: {}", error.message()));
  return removed;
}

Result<WorkspaceLock> WorkspaceLock::TakeShared(const WorkspaceLayout& layout) {
  const Path path = layout.workspace_lock();
  Result<std::optional<FileLock>> taken = FileLock::TryTakeShared(path);
  if (taken.status().code() == StatusCode::kUnavailable)
    return WorkspaceLock(std::nullopt);
  BESOM_ASSIGN_OR_RETURN(std::optional<FileLock> lock, std::move(taken));
  if (!lock)
    return Status(StatusCode::kInterrupted, path.string(),
                  fmt::format("the workspace is being cleaned up ({})",
                              FileLock::HolderOf(path)),
                  "run the same command again when that has ended");
  return WorkspaceLock(*std::move(lock));
}

Result<std::optional<WorkspaceLock>> WorkspaceLock::TryTakeExclusive(
    const WorkspaceLayout& layout, std::string_view holder) {
  BESOM_ASSIGN_OR_RETURN(std::optional<FileLock> lock,
                         FileLock::TryTake(layout.workspace_lock(), holder));
  if (!lock) return std::optional<WorkspaceLock>();
  return std::optional(WorkspaceLock(*std::move(lock)));
}

}  // namespace besom
