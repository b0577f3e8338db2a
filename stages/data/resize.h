#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/data/decode.h"

namespace besom::stages {

/// How an image of any shape becomes a square (INTERFACE: `resize`).
enum class ResizeMode {
  kStretch,  ///< Both sides to n: Pillow's resize((n, n)).
  /// Shorter side to n, then the centre: torchvision's Resize(n) and
  /// CenterCrop(n) on a Pillow image.
  kCrop,
  kPad,  ///< Longer side to n, black around: Pillow's ImageOps.pad.
};

/// Antialiased filters with Pillow's support: triangle, and Keys's cubic with
/// a = -0.5 (R. Keys, "Cubic convolution interpolation", 1981).
enum class Interpolation { kBilinear, kBicubic };

/// Largest side that images are resized to, pixels.
inline constexpr int kMaxResize = 4096;

struct ResizeSettings {
  int size = 224;  ///< Side of the result, pixels; 1 to kMaxResize.
  ResizeMode mode = ResizeMode::kStretch;
  Interpolation interpolation = Interpolation::kBilinear;
};

/// What a JPEG's sides must at least stay before it is resized: twice the
/// target's, so that the resize still averages over two pixels or more, and
/// enough for its thumbnail (thumbnail.h).
LeastSides LeastSidesFor(const ResizeSettings& settings);

/// Read the values of INTERFACE's keys; kInvalid for any other word.
Result<ResizeMode> ParseResizeMode(std::string_view word);
Result<Interpolation> ParseInterpolation(std::string_view word);
Result<BitDepthRange> ParseBitDepthRange(std::string_view word);

/// Returns size * size * image.channels bytes, rows top to bottom, channels
/// interleaved. Pure and integer-only after the weights; any thread.
/// REQUIRES: an image of at least 1 x 1, size in range.
std::vector<std::uint8_t> ResizeImage(const DecodedImage& image,
                                      const ResizeSettings& settings);

}  // namespace besom::stages
