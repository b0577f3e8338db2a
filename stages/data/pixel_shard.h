#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline/base/result.h"
#include "pipeline/store/artifact.h"

namespace besom::stages {

/// One decoded image of a shard.
struct PixelRecord {
  Digest content;        ///< SHA-256 of the file it was decoded from.
  std::string error;     ///< Why it could not be decoded; empty = decoded.
  std::string mode;      ///< As Pillow names it: L, LA, RGB, RGBA, P, I;16 ...
  int source_width = 0;  ///< Of the file after EXIF orientation, pixels.
  int source_height = 0;
  std::uint64_t hash = 0;  ///< PerceptualHash of the image.
  int channels = 0;        ///< 1 (grey, also RGB with R = G = B) or 3 (RGB).
  Digest pixels;           ///< SHA-256 of the packed pixels and channel count.
  std::uint64_t offset = 0;  ///< Of its pixels within the shard, bytes.
};

/// A read-only view of a packed shard: `size` x `size` pixels an image, 8 bit,
/// rows top to bottom, channels interleaved. Layout: see pixel_shard.cc.
class PixelShard {
 public:
  /// kCorrupt when the bytes are not a whole shard: its head and table carry
  /// their own digest; the pixels are covered by the blob's.
  static Result<PixelShard> Open(Artifact artifact);
  /// Packs images; `pixels[i]` is empty where records[i].error is set.
  /// Fills offsets and pixel digests. REQUIRES: `pixels` is parallel to
  /// `records`, and each has size * size * channels bytes, channels 1 or 3.
  static std::string Pack(int size, std::vector<PixelRecord> records,
                          const std::vector<std::vector<std::uint8_t>>& pixels);

  int size() const { return size_; }
  const std::vector<PixelRecord>& records() const { return records_; }
  /// size*size*channels bytes of record `index`. REQUIRES: no error there.
  std::span<const std::uint8_t> pixels(std::size_t index) const;
  /// Index of the record with that content digest.
  std::optional<std::size_t> Find(const Digest& content) const;

 private:
  int size_ = 0;
  std::vector<PixelRecord> records_;
  std::unordered_map<Digest, std::size_t> where_;
  Artifact artifact_;
};

}  // namespace besom::stages
