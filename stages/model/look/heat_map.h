#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "pipeline/base/result.h"
#include "stages/data/canvas.h"
#include "stages/model/network_probe.h"

namespace besom::stages {

/// The map over `side` x `side` pixels, bilinear between the middles of its
/// positions and constant beyond the outermost (torch.nn.functional.
/// interpolate, mode bilinear, align_corners False). REQUIRES: not empty.
HeatMap Enlarge(const HeatMap& map, int side);

/// The colour of a share of the largest value, 0 to 1: Matplotlib's "inferno"
/// at five places, straight lines between.
Canvas::Color HeatColor(double share);

/// A PNG of the picture, and beside it the same under the map, with a bar of
/// colours from 0 to the map's largest value; values below 0 count as 0.
/// `caption` stands below. REQUIRES: a picture that is not empty.
Result<std::string> DrawHeatMap(const SheetTile& picture, const HeatMap& map,
                                const std::string& caption);

}  // namespace besom::stages
