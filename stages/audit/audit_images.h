#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/data/pixel_shard.h"
#include "stages/data/split_table.h"

namespace besom::stages {

/// Decoded images by content, over many shards. Immutable; any thread.
class DecodedImages {
 public:
  /// Errors as PixelShard::Open.
  static Result<DecodedImages> Open(const std::vector<Artifact>& shards);

  /// Null where the content is unknown or could not be decoded.
  const PixelRecord* Find(const Digest& content) const;
  /// size() x size() pixels. REQUIRES: Find(content) is not null.
  std::span<const std::uint8_t> Pixels(const Digest& content) const;
  int size() const { return shards_.empty() ? 0 : shards_.front().size(); }

 private:
  struct Place {
    std::size_t shard, record;
  };
  std::vector<PixelShard> shards_;
  std::unordered_map<Digest, Place> places_;
};

/// An image of the audit.
struct AuditMember {
  const SplitEntry* entry = nullptr;    ///< Of the table.
  const PixelRecord* record = nullptr;  ///< Of the decoded images.
  int label = 0;                        ///< Index into AuditSet::classes.
  int group = 0;                        ///< From 0, without gaps.
  int fold = 0;
};

/// The images of an audit, in the order of the scan.
struct AuditSet {
  std::vector<std::string> classes;
  int folds = 0;  ///< 0 = fewer than two classes with two groups each.
  int groups = 0;
  std::vector<AuditMember> members;
};

/// Most folds; fewer where a class has fewer groups.
inline constexpr int kAuditFolds = 5;

/// Chooses the images that are in training, validation or test in some fit (no
/// external ones) and of a class with at least two groups, and deals their
/// groups to folds, class by class, by draws keyed by (seed, the group's name).
/// Groups are joined where they share a file, equal pixels or what the split
/// found to be a near-duplicate (SplitEntry::duplicate_of). Borrows `table`
/// and `decoded`. Pure.
AuditSet ChooseAuditSet(const SplitTable& table, const DecodedImages& decoded,
                        std::uint64_t seed);

}  // namespace besom::stages
