#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/base/result.h"

namespace besom::stages {

/// A square picture of a sheet: `size` x `size`, `channels` 1 or 3,
/// interleaved. Empty pixels = an empty place.
struct SheetTile {
  std::vector<std::uint8_t> pixels;
  int size = 0;
  int channels = 1;
};

/// One row of a sheet: words at its left end, then its pictures.
struct SheetRow {
  std::string caption;
  std::vector<SheetTile> tiles;
};

/// Lays rows of pictures out under column titles and encodes them as an RGB
/// PNG; every picture is averaged down to at most `tile` pixels a side.
/// Captions are drawn in a 5x7 font of capitals, digits and some signs.
Result<std::string> ContactSheet(const std::vector<std::string>& columns,
                                 const std::vector<SheetRow>& rows, int tile);

}  // namespace besom::stages
