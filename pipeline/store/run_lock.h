#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pipeline/store/file_lock.h"
#include "pipeline/store/workspace_layout.h"

namespace besom {

/// What a run holds for its life: as long as the kernel says so, its claims
/// and temporary files are those of a living run. No clock, no process number.
class RunLock {
 public:
  /// `holder` says who and where (host, pid, job). kInternal when that run
  /// name is in use. Where the file system cannot lock, there is only the file:
  /// nobody can ask then whether the run lives.
  static Result<RunLock> Take(const WorkspaceLayout& layout,
                              std::string_view run, std::string_view holder);
  /// Removes the file, too.
  ~RunLock();
  RunLock(RunLock&& other) = default;
  RunLock& operator=(RunLock&&) = delete;

 private:
  explicit RunLock(FileLock lock) : lock_(std::move(lock)) {}
  FileLock lock_;  ///< Of nothing once moved from.
};

/// True while some process holds the lock of `run`. Changes nothing, so that
/// any number of processes may ask at once. A missing file = dead. True also
/// where the file system has no locks to ask.
Result<bool> IsRunAlive(const WorkspaceLayout& layout, std::string_view run);

/// Makes the run dead for all others, whoever holds its lock.
Status RemoveRunLock(const WorkspaceLayout& layout, std::string_view run);

/// What the run wrote when it took its lock; empty when unknown.
std::string HolderOfRun(const WorkspaceLayout& layout, std::string_view run);

/// Removes the lock files of dead runs; returns how many. Of none where the
/// file system has no locks.
Result<int> RemoveDeadRunLocks(const WorkspaceLayout& layout);

/// Shared by all runs of a workspace, taken alone by what removes blobs.
class WorkspaceLock {
 public:
  /// kInterrupted, naming the holder, while somebody has it alone. Where the
  /// file system has no locks nobody can take it alone, so there is nothing to
  /// share: OK.
  static Result<WorkspaceLock> TakeShared(const WorkspaceLayout& layout);
  /// Empty while anybody has it.
  static Result<std::optional<WorkspaceLock>> TryTakeExclusive(
      const WorkspaceLayout& layout, std::string_view holder);

 private:
  explicit WorkspaceLock(std::optional<FileLock> lock)
      : lock_(std::move(lock)) {}
  std::optional<FileLock> lock_;
};

}  // namespace besom
