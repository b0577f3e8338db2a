#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace besom::testing {

/// A PNG file of 8-bit grey (1), RGB (3) or RGBA (4) pixels.
std::string PngOf(int width, int height, int channels,
                  const std::vector<std::uint8_t>& pixels);
/// A JPEG file of grey (1) or RGB (3) pixels.
std::string JpegOf(int width, int height, int channels,
                   const std::vector<std::uint8_t>& pixels,
                   bool progressive = false);
/// The start of a PNG file that claims that size, with no pixels behind it.
std::string PngHeader(std::uint32_t width, std::uint32_t height);
/// width * height * channels bytes of a smooth pattern.
std::vector<std::uint8_t> Pattern(int width, int height, int channels);

}  // namespace besom::testing
