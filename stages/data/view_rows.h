#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "stages/data/view.h"

namespace besom::stages {

/// One view of one picture, drawn row by row so that a row can go on to where
/// it is wanted while the cache holds it. Borrows the pixels. Immutable; any
/// thread.
class ViewRows {
 public:
  using Levels = std::array<std::uint8_t, 256>;

  /// The arguments are RenderView's.
  ViewRows(std::span<const std::uint8_t> pixels, int size, int channels,
           const View& view, AugmentSettings::Fill fill);

  /// Row `row` of the view before its grey levels change, size * channels
  /// bytes: drawn into `space`, or the picture's own when the view moves
  /// nothing.
  /// REQUIRES: 0 <= row < size, space.size() == size * channels.
  std::span<const std::uint8_t> Row(int row,
                                    std::span<std::uint8_t> space) const;

  /// Whether brightness or contrast change.
  bool changes_levels() const { return changes_levels_; }
  /// What becomes of each grey level, of all channels.
  const Levels& levels() const { return levels_; }

 private:
  /// Where output pixel (column, row) looks in the input: an affine map of
  /// pixel centres, in fixed-point pixels.
  struct Lookup {
    std::int64_t x_column, x_row, x_start;
    std::int64_t y_column, y_row, y_start;
  };
  static Lookup LookupOf(const View& view, int size);

  std::span<const std::uint8_t> pixels_;
  int size_, channels_;
  AugmentSettings::Fill fill_;
  bool is_still_, changes_levels_;
  Lookup lookup_;
  Levels levels_;
};

}  // namespace besom::stages
