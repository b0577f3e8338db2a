#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "stages/data/duplicate_pairs.h"
#include "stages/data/thumbnail_shard.h"

namespace besom::stages {

/// Most bits in which two hashes (one of them turned or magnified by some
/// degrees and per cent: VariantHashes) may differ for a pair to be looked at,
/// and least correlation after registration of two files of one picture.
/// Measured: DUPLICATES.md.
inline constexpr int kMostHashDistance = 12;
inline constexpr double kLeastCorrelation = 0.92;
/// Least share of the thumbnail that shows more than noise (chest X-rays: 0.38
/// and more), and least side of the file in pixels, for a picture to be
/// compared at all. Digits and icons resemble each other without being copies.
inline constexpr double kLeastDetail = 0.25;
inline constexpr int kLeastComparedSide = 64;

/// What the search was given and did.
struct NearSearch {
  NearPairs found;
  std::size_t compared = 0;    ///< Contents that took part.
  std::size_t candidates = 0;  ///< Pairs that the hashes proposed.
  bool stopped = false;        ///< `progress` asked to stop; found is partial.
};

/// All pairs of different contents of the shards that show the same picture:
/// hashes propose, registration and correlation of pixels confirm. Every pair
/// of hashes is compared (one operation of the processor each), so none is
/// missed by an index. The result depends on contents and thumbnails only, not
/// on order, shards or threads. `progress` may be null; see StageInput.
NearSearch FindNearDuplicates(const std::vector<ThumbnailShard>& shards,
                              int threads,
                              const std::function<bool(double)>& progress);

}  // namespace besom::stages
