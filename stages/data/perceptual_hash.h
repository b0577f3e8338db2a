#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace besom::stages {

/// Side of the small grey picture that stands for an image when pictures are
/// compared, pixels. At 64 ribs and vessels still tell patients apart, while
/// the blocks of a JPEG of quality 30 are gone.
inline constexpr int kThumbnailSide = 64;
inline constexpr std::size_t kThumbnailBytes =
    std::size_t{kThumbnailSide} * kThumbnailSide;
/// The whole image, stretched to a square: grey levels, rows top to bottom.
using Thumbnail = std::array<std::uint8_t, kThumbnailBytes>;
using ThumbnailView = std::span<const std::uint8_t, kThumbnailBytes>;

/// The perceptual hash "pHash" (C. Zauner, "Implementation and Benchmarking of
/// Perceptual Image Hash Functions", 2010, section 3.2.1): the picture at
/// 32 x 32, its type-II cosine transform, of that the frequencies 1 to 8 of
/// each axis; bit 8 * (v - 1) + (u - 1) tells whether the coefficient of
/// vertical frequency v and horizontal frequency u is above their median.
/// Pure; any thread.
std::uint64_t PerceptualHash(ThumbnailView thumbnail);

/// Hashes of the picture as it would be turned by -4, -2, 2 and 4 degrees and
/// magnified by 0.96 and 1.04. The nearest of them finds a turned or cropped
/// copy at a distance at which the plain hash would propose many strangers.
inline constexpr std::size_t kHashVariants = 6;
std::array<std::uint64_t, kHashVariants> VariantHashes(ThumbnailView thumbnail);

/// Number of bits in which two hashes differ, 0 to 64.
inline int HashDistance(std::uint64_t a, std::uint64_t b) {
  return std::popcount(a ^ b);
}

}  // namespace besom::stages
