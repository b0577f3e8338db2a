#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/base/digest.h"
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

/// Replaces `path` with `bytes` so that a reader, and a crash at any instant,
/// sees the old file or the whole new one: temporary file in the same folder,
/// fsync, rename, fsync of the folder. Makes the folder if missing.
Status WriteFileAtomic(const Path& path, std::span<const std::byte> bytes);
Status WriteFileAtomic(const Path& path, std::string_view text);

Status MakeFolders(const Path& path);

/// A read-only map of a whole file. The bytes stay valid as long as the
/// object lives, also when the file is unlinked.
class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> Open(const Path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

}  // namespace besom
