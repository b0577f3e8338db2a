#pragma once

#include "pipeline/store/blob_store.h"

namespace besom {

/// Takes the bytes of a blob, or of another file of known digest, piece by
/// piece, so that no more than one piece of it is in memory, and publishes it
/// as BlobStore::Put does. What is not finished leaves nothing behind. One
/// thread at a time.
class BlobWriter {
 public:
  /// `blob` says what the bytes must turn out to be.
  static Result<BlobWriter> Begin(const WorkspaceLayout& layout,
                                  const BlobRef& blob);
  /// The file will be at `path`, in the place of what is there.
  static Result<BlobWriter> Begin(const Path& path, const BlobRef& blob);
  ~BlobWriter();
  BlobWriter(BlobWriter&& other) noexcept;
  BlobWriter& operator=(BlobWriter&&) = delete;

  /// kCorrupt when these are more bytes than the blob has.
  Status Append(std::string_view piece);
  /// Makes the blob durable and visible. kCorrupt, and nothing is published,
  /// when the bytes are not those of the blob. Call it once.
  Status Finish();

  std::uint64_t size() const { return size_; }  ///< Of what is there so far.
  const BlobRef& blob() const { return blob_; }

 private:
  BlobWriter(const Path& path, const BlobRef& blob);
  Status Error(std::string_view action) const;

  BlobRef blob_;
  Path path_, temporary_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::unique_ptr<Hasher> hasher_;
};

}  // namespace besom
