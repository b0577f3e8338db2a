#pragma once

#include "stages/data/decode.h"
#include "stages/data/perceptual_hash.h"

namespace besom::stages {

/// What a JPEG's sides must at least stay for its thumbnail: twice the
/// thumbnail's, so that it does not depend on how small it was decoded.
inline constexpr int kLeastThumbnailSource = 2 * kThumbnailSide;

/// The thumbnail of a whole image, whatever its shape: the mean of the pixels
/// (and parts of pixels) that each of 64 x 64 equal cells covers, of each
/// channel, rounded; then grey as ITU-R 601-2 luma (Pillow's convert("L")).
/// The same blur for every size of the file. Integers only: the same on every
/// machine. Pure; any thread. REQUIRES: an image of at least 1 x 1.
Thumbnail MakeThumbnail(const DecodedImage& image);

}  // namespace besom::stages
