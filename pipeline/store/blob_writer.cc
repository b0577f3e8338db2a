#include "pipeline/store/blob_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace besom {

BlobWriter::BlobWriter(const Path& path, const BlobRef& blob)
    : blob_(blob),
      path_(path),
      temporary_(TemporaryFor(path_)),
      hasher_(std::make_unique<Hasher>()) {}

Result<BlobWriter> BlobWriter::Begin(const WorkspaceLayout& layout,
                                     const BlobRef& blob) {
  return Begin(layout.blob(blob.digest), blob);
}

Result<BlobWriter> BlobWriter::Begin(const Path& path, const BlobRef& blob) {
  BlobWriter writer(path, blob);
  BESOM_RETURN_IF_ERROR(MakeFolders(writer.path_.parent_path()));
  writer.fd_ = ::open(writer.temporary_.c_str(),
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (writer.fd_ < 0) return writer.Error("create");
  return writer;
}

BlobWriter::BlobWriter(BlobWriter&& other) noexcept
    : blob_(other.blob_),
      path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      hasher_(std::move(other.hasher_)) {}

BlobWriter::~BlobWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

Status BlobWriter::Error(std::string_view action) const {
  return ErrnoError(temporary_.string(), action);
}

Status BlobWriter::Append(std::string_view piece) {
  if (piece.size() > blob_.size - size_)
    return CorruptError(path_.string(), "more bytes came than the blob has");
  hasher_->Update(piece);
  size_ += piece.size();
  while (!piece.empty()) {
    const ssize_t n = ::write(fd_, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error("write");
    piece.remove_prefix(static_cast<std::size_t>(n));
  }
  return Status::Ok();
}

Status BlobWriter::Finish() {
  if (size_ != blob_.size || hasher_->Finish() != blob_.digest)
    return CorruptError(path_.string(),
                        fmt::format("the {} bytes that came are not those of "
                                    "the blob",
                                    size_));
  if (::fsync(fd_) != 0) return Error("sync to disk");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    return Error("rename into place");
  const bool closed = ::close(std::exchange(fd_, -1)) == 0;
  if (!closed) return Error("close");
  return SyncFolder(path_.parent_path());
}

}  // namespace besom
