#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "pipeline/base/result.h"

namespace besom::stages {

/// Encodes 8-bit pixels (rows top to bottom, `channels` 1 = grey or 3 = RGB,
/// interleaved) as a PNG file. REQUIRES: pixels.size() == width * height *
/// channels. Any thread.
Result<std::string> EncodePng(std::span<const std::uint8_t> pixels, int width,
                              int height, int channels);

}  // namespace besom::stages
