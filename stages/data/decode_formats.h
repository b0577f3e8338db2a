#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/data/decode.h"

namespace besom::stages {

/// An image as its file stores it, before orientation and reduction.
struct RawImage {
  int width = 0;
  int height = 0;
  int file_width = 0;  ///< Before it was shrunk while decoding.
  int file_height = 0;
  int channels = 0;     ///< 1 or 3; alpha, palette and CMYK are resolved.
  int bits = 8;         ///< 8, or 16 (PNG and DICOM).
  int white = 65535;    ///< Of 16 bits: the largest that a sample can be.
  int orientation = 1;  ///< EXIF: 1 to 8; 1 when absent or nonsense.
  std::string mode;     ///< See DecodedImage.
  /// Row-major, interleaved; samples of 16 bits in the machine's byte order.
  std::vector<std::uint8_t> samples;
};

/// Decode one format. kFailed with the reason as its cause; see DecodeImage.
Result<RawImage> DecodeJpeg(std::span<const std::byte> bytes,
                            const LeastSides& least);
Result<RawImage> DecodePng(std::span<const std::byte> bytes);

/// The error of an image that cannot be used.
Status BadImage(std::string reason);

/// OK when an image of that size may be decoded (kMaxPixels).
Status CheckDimensions(std::uint64_t width, std::uint64_t height);

/// The orientation in an EXIF block (a TIFF header, with or without the
/// "Exif\0\0" before it); 1 when it holds none or is damaged.
int ExifOrientation(std::span<const std::uint8_t> exif);

}  // namespace besom::stages
