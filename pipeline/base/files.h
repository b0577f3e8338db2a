#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/digest.h"
#include "pipeline/base/mapped_fault.h"
#include "pipeline/base/result.h"

namespace besom {

using Path = std::filesystem::path;

/// What `stat` tells of a regular file; equal stats mean unchanged contents.
struct FileStat {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileStat&) const = default;
};

/// kNotFound when there is no such file; kIo otherwise.
Result<FileStat> StatFile(const Path& path);
Result<std::string> ReadFile(const Path& path);
/// SHA-256 of the file's contents, read in pieces.
Result<Digest> DigestOfFile(const Path& path);

/// The system calls that make a written file durable; tests put failing ones
/// in their place.
struct DiskCalls {
  int (*sync)(int fd);
  int (*rename)(const char* from, const char* to);
  static DiskCalls System();
};

/// Replaces `path` with `bytes` so that a reader, and a crash at any instant,
/// sees the old file or the whole new one: temporary file in the same folder,
/// fsync, rename, fsync of the folder. Makes the folder if missing. After an
/// error there is no temporary file; `path` is the old file, or gone when the
/// folder could not be synced.
Status WriteFileAtomic(const Path& path, std::span<const std::byte> bytes,
                       const DiskCalls& disk = DiskCalls::System());
Status WriteFileAtomic(const Path& path, std::string_view text);

/// Makes `path` with `text`, whole, unless something is there already: false
/// then, whoever was faster (link(2), also over a network). Durable but for the
/// name, which a power cut may take back. Makes the folder if missing.
Result<bool> MakeFileOnce(const Path& path, std::string_view text);

/// A hidden name beside `path` that this process has not used before, of the
/// form that RemoveDeadTemporaries knows.
Path TemporaryFor(const Path& path);

/// The files of `folder` with names of TemporaryFor (those that WriteFileAtomic
/// left, too) of processes of this host that are dead. Those of other hosts are
/// not among them. None when there is no such folder.
Result<std::vector<Path>> ListDeadTemporaries(const Path& folder);
/// Removes them; returns how many.
Result<int> RemoveDeadTemporaries(const Path& folder);

/// Makes the folder and its parents, each durably.
Status MakeFolders(const Path& path);
/// Makes the entries of `folder` durable.
Status SyncFolder(const Path& folder,
                  const DiskCalls& disk = DiskCalls::System());

/// A read-only map of a whole regular file. The bytes stay valid as long as
/// the object lives, also when the file is unlinked. When the file is cut
/// under it, or the disk cannot read it, bytes read as zeros and faulted()
/// says so (pipeline/base/mapped_fault.h).
class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> Open(const Path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  /// What the file's stat was when it was mapped.
  const FileStat& stat() const { return stat_; }
  /// True once bytes() gave zeros instead of the file's bytes: ask after use.
  bool faulted() const { return guard_ && guard_->faulted(); }

 private:
  MappedFile(std::span<const std::byte> bytes, const FileStat& stat,
             const Path& path);
  std::span<const std::byte> bytes_;
  FileStat stat_;
  std::optional<MapGuard> guard_;  ///< None for an empty file.
};

}  // namespace besom
