#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline/store/artifact.h"
#include "pipeline/store/patience.h"
#include "pipeline/store/workspace_layout.h"

namespace besom {

/// Content-addressed, immutable blobs in a workspace, shared by all its runs.
///
/// Invariants:
/// (1) A blob is published by rename after its bytes are on disk, so a blob
///     that can be opened was written whole; after an error nothing of it is
///     left. Once Put returned OK the blob survives a power cut.
/// (2) A blob's digest is checked once per process before its first use, and
///     again whenever its stat has changed since. What does not match is moved
///     aside (DIGEST.corrupt), so that the next Put makes it again.
/// Errors: kNotFound = not there; kCorrupt = there, but not what was written,
/// and moved aside; kIo = the disk or its rights; each with its cure.
/// Thread safety: any thread.
class BlobStore {
 public:
  /// `patience` is for BlobSearch; the store itself never waits. None given:
  /// what is right for the file system.
  explicit BlobStore(WorkspaceLayout layout,
                     const DiskCalls& disk = DiskCalls::System(),
                     std::optional<Patience> patience = {});

  /// Stores `bytes` durably. A blob that is there with these bytes is kept;
  /// anything else in its place is replaced.
  Result<BlobRef> Put(std::string_view bytes);
  /// True when a file of that digest and size is there (bytes not read).
  bool Has(const BlobRef& ref) const;
  /// True when nothing at all is there, so that it may appear yet.
  bool Lacks(const BlobRef& ref) const;
  /// Maps a blob; as long as somebody holds the map of a file that has not
  /// changed since, all get that one, so that a fault in it is seen by all.
  Result<Artifact> Get(const BlobRef& ref);
  /// Maps a blob and reads nothing of it, so that only its size is known to be
  /// right: for the reader of a part that carries a digest of its own. What is
  /// wrong stays where it is, for Get to find.
  Result<Artifact> Peek(const BlobRef& ref) const;

  /// To be asked after the bytes of `artifacts` were used and before anything
  /// made of them is stored: kIo, naming the file, when a map of one was hit by
  /// a read that the disk could not serve. That blob is then moved aside.
  Status CheckUnhurt(const ArtifactMap& artifacts);
  Status CheckUnhurt(const Artifact& artifact);

  /// What killed processes of this host left half written in the workspace.
  Result<std::vector<Path>> ListDeadTemporaries() const;
  /// Removes it; returns how many files. For the start of a run.
  Result<int> RemoveDeadTemporaries() const;

  const WorkspaceLayout& layout() const { return layout_; }
  const Patience& patience() const { return patience_; }

 private:
  std::vector<Path> WrittenFolders() const;
  bool IsChecked(const Digest& digest, const FileStat& stat) const;
  void SetChecked(const Digest& digest, const FileStat& stat);
  std::shared_ptr<const MappedFile> FindOpen(const Digest& digest,
                                             const Path& path) const;
  void SetOpen(const Digest& digest,
               const std::shared_ptr<const MappedFile>& map);

  const WorkspaceLayout layout_;
  const DiskCalls disk_;
  const Patience patience_;
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::unordered_map<Digest, FileStat> checked_;
  std::unordered_map<Digest, std::weak_ptr<const MappedFile>> open_;
  std::size_t sweep_open_at_ = 256;  // Size at which dead entries are removed.
};

}  // namespace besom
