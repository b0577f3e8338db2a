#include "pipeline/store/blob_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace besom {
namespace {

constexpr char kMadeAgain[] = "run the same command again: it is made anew";

/// True when the file reads as `bytes`; false also when it cannot be read.
bool FileHolds(const Path& path, std::string_view bytes) {
  const auto map = MappedFile::Open(path);
  if (!map.ok() || (*map)->bytes().size() != bytes.size()) return false;
  const bool equal =
      bytes.empty() ||
      std::memcmp((*map)->bytes().data(), bytes.data(), bytes.size()) == 0;
  return equal && !(*map)->faulted();
}

/// Gives what stands at `path`, of any kind, the name PATH.corrupt.
Status MoveAside(const Path& path) {
  const Path aside = path.string() + ".corrupt";
  if (::rename(path.c_str(), aside.c_str()) == 0 || errno == ENOENT)
    return Status::Ok();
  std::error_code ignored;  // An older one, of another kind, is in the way.
  std::filesystem::remove_all(aside, ignored);
  if (::rename(path.c_str(), aside.c_str()) == 0 || errno == ENOENT)
    return Status::Ok();
  return ErrnoError(path.string(), "move the damaged blob aside");
}

/// Moves a bad blob aside and says why.
Status Reject(const Path& path, std::string cause) {
  if (const Status moved = MoveAside(path); !moved.ok()) {
    return CorruptError(path.string(),
                        fmt::format("{}; {}", cause, moved.cause()),
                        "remove it by hand, then run the same command again");
  }
  return CorruptError(path.string(), std::move(cause), kMadeAgain);
}

/// The error for a blob that cannot be opened as `opening` says.
Status WhyNotOpened(const Path& path, const Status& opening) {
  if (opening.code() == StatusCode::kInvalid)
    return Reject(path, "something that is no file stands in a blob's place");
  if (opening.code() == StatusCode::kNotFound) {
    std::error_code none;
    if (std::filesystem::is_symlink(
            std::filesystem::symlink_status(path, none)))
      return Reject(path, "a link to nowhere stands in a blob's place");
    return {StatusCode::kNotFound, path.string(), "the blob is gone",
            kMadeAgain};
  }
  if (::access(path.c_str(), R_OK) != 0 && errno == EACCES)
    return Reject(path, opening.cause());
  return opening;
}

}  // namespace

BlobStore::BlobStore(WorkspaceLayout layout, const DiskCalls& disk,
                     std::optional<Patience> patience)
    : layout_(std::move(layout)),
      disk_(disk),
      patience_(patience ? *std::move(patience)
                         : Patience::For(layout_.root())) {}

Result<BlobRef> BlobStore::Put(std::string_view bytes) {
  const BlobRef ref{DigestOf(bytes), bytes.size()};
  const Path path = layout_.blob(ref.digest);
  const Result<FileStat> before = StatFile(path);
  if (before.ok() && before->size == ref.size) {
    if (IsChecked(ref.digest, *before)) return ref;
    if (FileHolds(path, bytes)) {
      // Its writer may have been killed before it synced the folder.
      BESOM_RETURN_IF_ERROR(SyncFolder(path.parent_path(), disk_));
      SetChecked(ref.digest, *before);
      return ref;
    }
  }
  // A damaged file is replaced by the rename; a folder would refuse it.
  if (before.status().code() == StatusCode::kInvalid)
    BESOM_RETURN_IF_ERROR(MoveAside(path));
  BESOM_RETURN_IF_ERROR(
      WriteFileAtomic(path, std::as_bytes(std::span(bytes)), disk_));
  BESOM_ASSIGN_OR_RETURN(const FileStat after, StatFile(path));
  SetChecked(ref.digest, after);
  return ref;
}

bool BlobStore::Has(const BlobRef& ref) const {
  const Result<FileStat> stat = StatFile(layout_.blob(ref.digest));
  return stat.ok() && stat->size == ref.size;
}

bool BlobStore::Lacks(const BlobRef& ref) const {
  return StatFile(layout_.blob(ref.digest)).status().code() ==
         StatusCode::kNotFound;
}

Result<Artifact> BlobStore::Get(const BlobRef& ref) {
  const Path path = layout_.blob(ref.digest);
  if (auto map = FindOpen(ref.digest, path);
      map && ref.size == map->stat().size)
    return Artifact(ref, std::move(map));
  Result<std::shared_ptr<const MappedFile>> opened = MappedFile::Open(path);
  if (!opened.ok()) return WhyNotOpened(path, opened.status());
  std::shared_ptr<const MappedFile> map = *std::move(opened);
  if (map->stat().size != ref.size)
    return Reject(path, fmt::format("the blob has {} bytes instead of {}",
                                    map->stat().size, ref.size));
  if (!IsChecked(ref.digest, map->stat())) {
    const Digest digest = DigestOf(map->bytes());
    if (map->faulted()) return Reject(path, "the disk cannot read the blob");
    if (digest != ref.digest)
      return Reject(path, "the blob's bytes are not what was written");
    SetChecked(ref.digest, map->stat());
  }
  SetOpen(ref.digest, map);
  return Artifact(ref, std::move(map));
}

Result<Artifact> BlobStore::Peek(const BlobRef& ref) const {
  const Path path = layout_.blob(ref.digest);
  BESOM_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> map,
                         MappedFile::Open(path));
  if (map->stat().size != ref.size)
    return CorruptError(path.string(), "the blob has another size");
  return Artifact(ref, std::move(map));
}

std::shared_ptr<const MappedFile> BlobStore::FindOpen(const Digest& digest,
                                                      const Path& path) const {
  std::shared_ptr<const MappedFile> map;
  {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(digest);
    if (found != open_.end()) map = found->second.lock();
  }
  if (!map || map->faulted()) return nullptr;
  const Result<FileStat> now = StatFile(path);
  return now.ok() && *now == map->stat() ? map : nullptr;
}

void BlobStore::SetOpen(const Digest& digest,
                        const std::shared_ptr<const MappedFile>& map) {
  const std::lock_guard lock(mutex_);
  open_[digest] = map;
  if (open_.size() < sweep_open_at_) return;
  std::erase_if(open_,
                [](const auto& entry) { return entry.second.expired(); });
  sweep_open_at_ = 2 * open_.size() + 256;
}

Status BlobStore::CheckUnhurt(const Artifact& artifact) {
  if (!artifact.faulted()) return Status::Ok();
  const Path path = layout_.blob(artifact.ref().digest);
  const Result<FileStat> now = StatFile(path);
  // Another process may have put a whole one in its place meanwhile.
  const bool same = now.ok() && now->inode == artifact.map()->stat().inode;
  if (same) BESOM_RETURN_IF_ERROR(MoveAside(path));
  return IoError(path.string(),
                 "the disk could not read the blob while it was in use, or "
                 "somebody cut it short",
                 kMadeAgain);
}

Status BlobStore::CheckUnhurt(const ArtifactMap& artifacts) {
  for (const auto& [port, shards] : artifacts) {
    for (const Artifact& artifact : shards)
      BESOM_RETURN_IF_ERROR(CheckUnhurt(artifact).Within(port));
  }
  return Status::Ok();
}

/// Where anything is written atomically.
std::vector<Path> BlobStore::WrittenFolders() const {
  std::vector<Path> folders = {layout_.root(), layout_.logs(),
                               layout_.checkpoints()};
  std::error_code error;
  std::filesystem::directory_iterator entries(layout_.blobs(), error), end;
  for (; !error && entries != end; entries.increment(error))
    if (std::error_code ignored; entries->is_directory(ignored))
      folders.push_back(entries->path());
  return folders;
}

Result<std::vector<Path>> BlobStore::ListDeadTemporaries() const {
  std::vector<Path> dead;
  for (const Path& folder : WrittenFolders()) {
    BESOM_ASSIGN_OR_RETURN(const std::vector<Path> here,
                           besom::ListDeadTemporaries(folder));
    dead.insert(dead.end(), here.begin(), here.end());
  }
  return dead;
}

Result<int> BlobStore::RemoveDeadTemporaries() const {
  int removed = 0;
  for (const Path& folder : WrittenFolders()) {
    BESOM_ASSIGN_OR_RETURN(const int here,
                           besom::RemoveDeadTemporaries(folder));
    removed += here;
  }
  return removed;
}

bool BlobStore::IsChecked(const Digest& digest, const FileStat& stat) const {
  const std::lock_guard lock(mutex_);
  const auto found = checked_.find(digest);
  return found != checked_.end() && found->second == stat;
}

void BlobStore::SetChecked(const Digest& digest, const FileStat& stat) {
  const std::lock_guard lock(mutex_);
  checked_[digest] = stat;
}

}  // namespace besom
