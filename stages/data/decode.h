#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::stages {

/// Most pixels of an image that is decoded: what Pillow warns about as a
/// possible decompression bomb (2^30 bytes / 4 / 3). Larger ones are refused
/// from their header, before anything is allocated.
inline constexpr std::uint64_t kMaxPixels = 89'478'485;
/// Most pixels of one side: what a JPEG can state. Bounds the weights that a
/// resampling needs.
inline constexpr std::uint64_t kMaxSide = 65'535;
/// Most bytes of an image file that is read.
inline constexpr std::uint64_t kMaxFileBytes = 512ULL << 20;
/// Most scans of a progressive JPEG; a forged file could hold thousands, each
/// of which costs a pass over the whole image.
inline constexpr int kMaxJpegScans = 500;

/// How 16-bit values become 8-bit ones (INTERFACE: `bit_depth_range`).
enum class BitDepthRange {
  kFull,  ///< round(value / 257); DICOM: from least to largest possible.
  /// The 0.5th percentile becomes 0 and the 99.5th becomes 255, linear between,
  /// clamped; nearest-rank percentiles over all colour samples of the image.
  /// Images of 8 bits or fewer are left as they are.
  kPercentile,
};

/// An image as Pillow's open, exif_transpose and convert("RGB") give it, but
/// with one channel where R = G = B everywhere.
struct DecodedImage {
  int width = 0;  ///< After EXIF orientation, pixels.
  int height = 0;
  int channels = 0;  ///< 1 (grey) or 3 (RGB, interleaved).
  /// Of the file, as Pillow names it: L, RGBA, I;16 ...; of DICOM as it says
  /// itself, with the bits stored: MONOCHROME1;12.
  std::string mode;
  std::vector<std::uint8_t> pixels;  ///< height * width * channels, row-major.
  int file_width = 0;  ///< As width, of the file: larger when it was shrunk.
  int file_height = 0;
};

/// What a JPEG's sides must stay when it is decoded smaller than it is, by a
/// half, a quarter or an eighth (libjpeg does so while it transforms, in a
/// fraction of the time). Zeros: it is decoded as it is.
struct LeastSides {
  int shorter = 0;  ///< Of the decoded image, pixels.
  int longer = 0;
};

/// Decodes a JPEG, PNG or DICOM file held in `bytes`, whatever its name: alpha
/// is dropped (not blended), palettes are looked up, CMYK is converted as
/// Pillow does, the EXIF orientation is applied. A DICOM image is what its
/// modality and VOI transforms say (stages/data/DICOM.md).
/// kFailed with the reason as its cause when this is no image, an unknown
/// kind, damaged, cut off, or beyond the limits above. Reentrant; any thread.
Result<DecodedImage> DecodeImage(std::span<const std::byte> bytes,
                                 BitDepthRange range,
                                 const LeastSides& least = {});

/// True when the file name ends as one that besom decodes: .jpg .jpeg .jpe
/// .jfif .png .dcm .dicom, in any case.
bool HasImageExtension(std::string_view file_name);

/// True when the file's name ends so, or has no ending and the file begins as
/// DICOM does: scanners and archives name those without.
bool IsImageFile(const Path& file);

}  // namespace besom::stages
