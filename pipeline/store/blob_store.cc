#include "pipeline/store/blob_store.h"

#include <fmt/format.h>

namespace besom {

Result<BlobRef> BlobStore::Put(std::string_view bytes) {
  const BlobRef ref{DigestOf(bytes), bytes.size()};
  // An equal blob may be damaged: only one that reads back equal is kept.
  if (Has(ref) && Get(ref).ok()) return ref;
  BESOM_RETURN_IF_ERROR(WriteFileAtomic(layout_.blob(ref.digest), bytes));
  const std::lock_guard lock(mutex_);
  checked_.insert(ref.digest);
  return ref;
}

bool BlobStore::Has(const BlobRef& ref) const {
  const Result<FileStat> stat = StatFile(layout_.blob(ref.digest));
  return stat.ok() && stat->size == ref.size;
}

Result<Artifact> BlobStore::Get(const BlobRef& ref) {
  const Path path = layout_.blob(ref.digest);
  BESOM_ASSIGN_OR_RETURN(auto map, MappedFile::Open(path));
  {
    const std::lock_guard lock(mutex_);
    if (map->bytes().size() == ref.size && checked_.contains(ref.digest))
      return Artifact(ref, std::move(map));
  }
  if (map->bytes().size() != ref.size || DigestOf(map->bytes()) != ref.digest) {
    std::error_code ignored;  // A second reader may have moved it already.
    std::filesystem::rename(path, path.string() + ".corrupt", ignored);
    return CorruptError(path.string(), "the blob is not what was written",
                        "run the same command again: it is made anew");
  }
  const std::lock_guard lock(mutex_);
  checked_.insert(ref.digest);
  return Artifact(ref, std::move(map));
}

}  // namespace besom
