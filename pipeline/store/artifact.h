#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pipeline/base/digest.h"
#include "pipeline/base/files.h"

namespace besom {

/// Names a blob of the store.
struct BlobRef {
  Digest digest;
  std::uint64_t size = 0;
  bool operator==(const BlobRef&) const = default;
};

/// The bytes of one blob, read-only and shared: mapped from the store, or held
/// in memory. Copies share the bytes; they live as long as any copy does.
class Artifact {
 public:
  Artifact() = default;
  Artifact(BlobRef ref, std::shared_ptr<const MappedFile> map)
      : ref_(ref),
        bytes_(map->bytes()),
        map_(map.get()),
        owner_(std::move(map)) {}
  /// Takes `bytes` into memory and hashes them.
  static Artifact FromBytes(std::string bytes);

  const BlobRef& ref() const { return ref_; }
  /// True once bytes() gave zeros because the mapped file was cut or could not
  /// be read: whatever was made of them is worthless (BlobStore::CheckUnhurt).
  bool faulted() const { return map_ != nullptr && map_->faulted(); }
  /// The map behind bytes(); null when they are held in memory.
  const MappedFile* map() const { return map_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

 private:
  BlobRef ref_;
  std::span<const std::byte> bytes_;
  const MappedFile* map_ = nullptr;  ///< Null when held in memory.
  std::shared_ptr<const void> owner_;
};

/// The inputs of a task by port; a port may hold several shards, in the order
/// of the plan.
using ArtifactMap = std::map<std::string, std::vector<Artifact>>;

}  // namespace besom
