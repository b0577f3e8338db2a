#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pipeline/base/files.h"

namespace besom {

/// An exclusive lock on a file, held until the object dies or the process
/// ends, however it ends (flock(2): the kernel gives it back).
class FileLock {
 public:
  /// Takes the lock and writes `holder` (who and where) into the file; empty
  /// when another process holds it. kIo where the file system cannot lock.
  static Result<std::optional<FileLock>> TryTake(const Path& path,
                                                 std::string_view holder);
  /// What the present holder wrote; empty when unknown.
  static std::string HolderOf(const Path& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace besom
