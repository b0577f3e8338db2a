#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stages/audit/audit_images.h"

namespace besom::stages {

/// What a probe sees of each image of an audit: numbers, row by row.
struct ProbeFeatures {
  std::string name;
  bool may_alarm = false;  ///< It sees no lung.
  int columns = 0;
  std::vector<float> values;  ///< [members x columns]

  std::span<const float> row(std::size_t member) const {
    return std::span(values).subspan(member * static_cast<std::size_t>(columns),
                                     static_cast<std::size_t>(columns));
  }
  /// Whether any column differs between two images.
  bool Varies() const;
};

/// Cells a side into which the square image is cut, and how many of them from
/// each edge inwards are the ring: a sixteenth of the side, and an eighth in
/// the corners. Wider, it sees lungs (of the phantoms, and of tight X-rays); in
/// the corners stand markers, and no lung is there.
inline constexpr int kRingGrid = 32, kRingCells = 2, kCornerCells = 4;
/// Cells a side of the blurred image.
inline constexpr int kBlurGrid = 8;

/// Grey values of grid x grid cells of an image, row by row, in [0, 1].
struct GridCells {
  std::vector<float> mean, brightest;
};

/// Those of a square image of size x size pixels; of colours the luma of ITU-R
/// BT.601. REQUIRES: size >= grid; pixels.size() is size * size times 1 or 3.
GridCells CellsOf(std::span<const std::uint8_t> pixels, int size, int grid);

/// Mean and brightest value of each cell in the ring, row by row (512 numbers):
/// thin bright letters hardly move a mean. REQUIRES: as CellsOf of kRingGrid.
std::vector<float> RingOf(std::span<const std::uint8_t> pixels, int size);

/// What the probes see; see AUDIT.md:
/// - "facts": the source, and what "file" sees;
/// - "file" (where there are several sources): log width, log height, log
///   aspect of the file; which of the commonest sizes it has; its mode; the
///   ending of its name;
/// - "ring": the grey values of the border;
/// - "blur": the whole image as 8 x 8 grey values. It sees the lung: never an
///   alarm.
/// Pure; borrows for the call.
std::vector<ProbeFeatures> ProbesOf(const AuditSet& set,
                                    const DecodedImages& decoded);

}  // namespace besom::stages
