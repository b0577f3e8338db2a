#pragma once

#include <fcntl.h>

#include <memory>
#include <optional>
#include <string>

#include "pipeline/base/files.h"

namespace besom {

/// The system call that locks; tests put one in its place that cannot.
struct LockCalls {
  int (*control)(int fd, int command, struct flock* range);
  static LockCalls System();
};

/// A lock on a file, held until the object dies or the process ends, however
/// it ends: the kernel gives it back (open file description locks, fcntl(2)).
/// Locks of two objects exclude each other also within one process.
/// Errors: kUnavailable where the file system has no locks, kIo for the rest.
class FileLock {
 public:
  /// Takes the lock for itself alone and writes `holder` (who and where) into
  /// the file; empty when anybody else holds it.
  static Result<std::optional<FileLock>> TryTake(
      const Path& path, std::string_view holder,
      const LockCalls& calls = LockCalls::System());
  /// As TryTake from nobody: puts a new file in the place of the one that is
  /// there, whoever holds that; he can learn it from IsNamed. Empty when
  /// somebody else is faster.
  static Result<std::optional<FileLock>> Break(
      const Path& path, std::string_view holder,
      const LockCalls& calls = LockCalls::System());
  /// For file systems without locks: puts a new file of ours in place that
  /// locks nothing, so that IsNamed at least says when another one came after
  /// us. Empty when somebody else is faster.
  static Result<std::optional<FileLock>> PutUnlocked(const Path& path,
                                                     std::string_view holder);
  /// Takes the lock together with other sharers; empty when somebody holds it
  /// alone.
  static Result<std::optional<FileLock>> TryTakeShared(const Path& path);
  /// True when TryTake would not get the lock now. Takes nothing, so nobody
  /// else notices. False when there is no such file, whatever the file system.
  static Result<bool> IsHeld(const Path& path);
  /// What the present holder wrote; empty when unknown.
  static std::string HolderOf(const Path& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

  /// Removes the file unless it is another one by now, which gives the lock
  /// back: the next taker makes a new file. Nobody takes the removed one for
  /// the lock: takers look whether what they locked still has the name.
  /// REQUIRES: taken alone.
  void RemoveFile();

  /// False once somebody has removed our file or put another in its place: the
  /// lock then means nothing any more. True when that cannot be told.
  bool IsNamed() const;

 private:
  FileLock(int fd, Path path) : fd_(fd), path_(std::move(path)) {}
  static Result<std::optional<FileLock>> Take(const Path& path, short kind,
                                              const LockCalls& calls);
  Status WriteHolder(std::string_view holder) const;
  int fd_;
  Path path_;
};

}  // namespace besom
