#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/base/result.h"
#include "pipeline/store/artifact.h"
#include "stages/data/perceptual_hash.h"

namespace besom::stages {

/// What an ingest task keeps of one decoded image for the search of duplicates.
struct ThumbnailRecord {
  Digest content;  ///< SHA-256 of the file.
  int width = 0;   ///< Of the file after EXIF orientation, pixels.
  int height = 0;
  std::uint64_t hash = 0;  ///< PerceptualHash of the thumbnail.
};

/// A read-only view of packed thumbnails, those of one ingest task: a small
/// blob beside its pixels, so that a search over all images reads 4 KiB of
/// each. Layout: see thumbnail_shard.cc.
class ThumbnailShard {
 public:
  /// kCorrupt when the bytes are not a whole shard.
  static Result<ThumbnailShard> Open(Artifact artifact);
  /// REQUIRES: `thumbnails` is parallel to `records`.
  static std::string Pack(const std::vector<ThumbnailRecord>& records,
                          const std::vector<Thumbnail>& thumbnails);

  const std::vector<ThumbnailRecord>& records() const { return records_; }
  /// Borrowed from this shard.
  ThumbnailView thumbnail(std::size_t index) const;

 private:
  std::vector<ThumbnailRecord> records_;
  Artifact artifact_;
};

}  // namespace besom::stages
