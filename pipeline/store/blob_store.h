#pragma once

#include <mutex>
#include <string>
#include <unordered_set>

#include "pipeline/store/artifact.h"
#include "pipeline/store/workspace_layout.h"

namespace besom {

/// Content-addressed, immutable blobs in a workspace, shared by all its runs.
///
/// Invariants:
/// (1) A blob is published by rename after its bytes are on disk, so a blob
///     that can be opened was written whole.
/// (2) A blob's digest is checked once per process before its first use; one
///     that does not match is taken out of the way and reported as kCorrupt.
/// Thread safety: any thread.
class BlobStore {
 public:
  explicit BlobStore(WorkspaceLayout layout) : layout_(std::move(layout)) {}

  /// Stores `bytes` durably; a blob that is already there is kept.
  Result<BlobRef> Put(std::string_view bytes);
  /// True when a blob of that digest and size is there (bytes not read).
  bool Has(const BlobRef& ref) const;
  /// Maps a blob. kNotFound when it is missing, kCorrupt when its bytes are
  /// not what was written (it is then moved aside and made again by a rerun).
  Result<Artifact> Get(const BlobRef& ref);

  const WorkspaceLayout& layout() const { return layout_; }

 private:
  const WorkspaceLayout layout_;
  std::mutex mutex_;
  std::unordered_set<Digest> checked_;  // Guarded by mutex_.
};

}  // namespace besom
