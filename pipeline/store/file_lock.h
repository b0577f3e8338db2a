#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pipeline/base/files.h"

namespace besom {

/// A lock on a file, held until the object dies or the process ends, however
/// it ends: the kernel gives it back (open file description locks, fcntl(2)).
/// Locks of two objects exclude each other also within one process.
class FileLock {
 public:
  /// Takes the lock for itself alone and writes `holder` (who and where) into
  /// the file; empty when anybody else holds it. kIo where the file system
  /// cannot lock.
  static Result<std::optional<FileLock>> TryTake(const Path& path,
                                                 std::string_view holder);
  /// Takes the lock together with other sharers; empty when somebody holds it
  /// alone.
  static Result<std::optional<FileLock>> TryTakeShared(const Path& path);
  /// True when TryTake would not get the lock now. Takes nothing, so nobody
  /// else notices. False when there is no such file.
  static Result<bool> IsHeld(const Path& path);
  /// What the present holder wrote; empty when unknown.
  static std::string HolderOf(const Path& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

  /// Removes the file, which gives the lock back: the next taker makes a new
  /// file. Nobody takes the removed one for the lock: takers look whether what
  /// they locked still has the name. REQUIRES: taken alone.
  void RemoveFile();

 private:
  FileLock(int fd, Path path) : fd_(fd), path_(std::move(path)) {}
  static Result<std::optional<FileLock>> Take(const Path& path, short kind);
  int fd_;
  Path path_;
};

}  // namespace besom
