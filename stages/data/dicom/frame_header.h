#pragma once

#include <cstddef>
#include <span>

#include "pipeline/base/result.h"

namespace besom::stages {

/// What the frame of a compressed image must be for its data set.
struct FrameShape {
  std::size_t width = 0, height = 0;
  int channels = 1;
  int sample_bytes = 1;
};

// DCMTK's decoders trust what is checked here: without it there are files that
// they read beyond their end, or loop on for ever.

/// Checks the table of segments of an RLE frame (PS3.5, annex G.5): as many as
/// the shape has bytes a pixel, in ascending order, within the frame. kFailed
/// with the reason as its cause.
Status CheckRleFrame(std::span<const std::byte> frame, const FrameShape& shape);

/// Checks the segments of a JPEG or JPEG-LS stream up to its frame header
/// (ITU-T T.81, B.2), that this is of the given shape, and that there are no
/// more than kMaxJpegScans scans. kFailed with the reason as its cause.
Status CheckJpegFrame(std::span<const std::byte> frame,
                      const FrameShape& shape);

}  // namespace besom::stages
