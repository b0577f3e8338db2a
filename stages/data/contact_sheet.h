#pragma once

#include <string>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/data/canvas.h"

namespace besom::stages {

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
