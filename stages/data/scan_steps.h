#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/data/scan.h"
#include "stages/data/scan_folder.h"

namespace besom::stages {

// The steps of ScanSources after the images of each source are found.

/// Gives every usable image without a group one of its own, or, where a rule
/// was given and `group_unmatched` is `error`, returns kInvalid with examples.
Status CompleteGroups(const SourceSettings& source,
                      std::vector<FoundImage>& images);

/// Fills the content digests of usable images, by `threads` readers; leaves
/// out what is empty, too large or cannot be read.
void FillContents(std::vector<FoundImage>& images, ContentDigests& digests,
                  int threads);

/// kInvalid with examples of the reasons when no image is usable.
Status CheckUsable(const SourceSettings& source,
                   const std::vector<FoundImage>& images);

/// Keeps at most `limit` images a class of those that are not external: whole
/// groups, in an order drawn from (seed, group), each taken if all its classes
/// have room. kInvalid when a class is left without an image.
Status LimitClasses(SourceScan& scan, std::int64_t limit, std::uint64_t seed);

}  // namespace besom::stages
