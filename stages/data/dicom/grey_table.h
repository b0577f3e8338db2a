#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pipeline/base/result.h"

namespace besom::stages {

/// A look-up table of a DICOM file (PS3.3, C.11.1 and C.11.2).
struct DicomLut {
  int first = 0;  ///< Input that the first entry is for; less gets it, too.
  int bits = 8;   ///< Of an entry: it is at most 2^bits - 1.
  std::vector<std::uint16_t> entries;  ///< Not empty; more gets the last.
};

enum class WindowShape { kLinear, kLinearExact, kSigmoid };

/// A window of interest (PS3.3, C.11.2.1.2 and C.11.2.1.3).
struct DicomWindow {
  double center = 0, width = 0;
  WindowShape shape = WindowShape::kLinear;
};

/// What makes grey levels of the numbers that a DICOM image stores, in this
/// order.
struct GreyTransform {
  int bits = 8;                      ///< Stored, 1 to 16.
  bool is_signed = false;            ///< In two's complement.
  std::optional<DicomLut> modality;  ///< In place of slope and intercept.
  double slope = 1, intercept = 0;
  std::optional<DicomLut> interest;  ///< Goes before the window.
  std::optional<DicomWindow> window;
  bool inverted = false;  ///< The largest value is black.
};

/// The grey level of each stored number.
struct GreyTable {
  std::vector<std::uint16_t> levels;  ///< 2^bits; index: the stored bits.
  /// The level that is white. At most 255: levels are final. More: they are to
  /// be reduced to 8 bits as those of any deeper image.
  int white = 255;
};

/// The table for a transform. With a window or a LUT of interest levels are
/// round(255 * y) for outputs y of 0 to 1. Without one they are the modality's
/// outputs, from their least to their largest possible value; those of images
/// of at most 8 bits are spread to 0 ... 255.
/// kFailed with the reason as its cause: a window that is too narrow to mean
/// anything, a slope of 0, numbers that are not finite.
Result<GreyTable> MakeGreyTable(const GreyTransform& transform);

}  // namespace besom::stages
