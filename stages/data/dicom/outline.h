#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "pipeline/base/result.h"

namespace besom::stages {

/// Where the parts of a DICOM file lie (PS3.10, PS3.5 chapter 7).
struct DicomOutline {
  std::string transfer_syntax;  ///< UID of the meta header.
  std::size_t header_end = 0;   ///< Offset of the element PixelData.
  std::size_t end = 0;          ///< One past its last byte.
  std::size_t pixel_bytes = 0;  ///< Of its value; 0 when in fragments.
  bool encapsulated = false;    ///< The value is in fragments.
  struct Fragment {
    std::size_t begin = 0, size = 0;  ///< Offset and bytes in the file.
  };
  std::vector<Fragment> fragments;  ///< The first is the offset table.
};

/// How much of the file is gone through.
enum class DicomDepth {
  kWhole,   ///< Up to the end of PixelData.
  kHeader,  ///< Up to its beginning: end and pixel_bytes stay 0.
};

/// True when `bytes` begin as a DICOM file does: "DICM" at offset 128.
bool IsDicom(std::span<const std::byte> bytes);
/// True when `bytes` look like a DICOM data set without that beginning.
bool IsBareDicom(std::span<const std::byte> bytes);

/// Goes through the elements of a DICOM file without interpreting them, so
/// that a library only ever gets what is whole and of bounded size and depth.
/// kFailed with the reason as its cause: lengths that do not add up, a file
/// that is cut off, sequences nested deeper than 32, more than 200 000
/// elements, no PixelData, a deflated data set. REQUIRES: IsDicom(bytes).
Result<DicomOutline> OutlineDicom(std::span<const std::byte> bytes,
                                  DicomDepth depth);

}  // namespace besom::stages
