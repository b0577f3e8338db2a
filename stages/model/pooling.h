#pragma once

#include <span>
#include <string_view>

#include "pipeline/base/result.h"
#include "stages/model/backbone_catalog.h"

namespace besom::stages {

/// How the base's last map becomes one row of numbers.
///   average   mean over the map: one number a channel
///   max       largest over the map: one number a channel
///   average4  means of 4x4 windows, stride 4, remainder dropped, flattened
///   flatten   the map itself
///   edge      the same of the frozen edge of a base that is trained from there
///             on (not for users)
/// Rows are flattened channel by channel, as PyTorch flattens (C, H, W).
enum class Pooling { kAverage, kMax, kAverage4, kFlatten, kEdge };

inline constexpr std::string_view kEdgePooling = "edge";

/// kInvalid names the choices.
Result<Pooling> ParsePooling(std::string_view name);

/// Numbers in a row; kInvalid when the map is too small for the windows.
Result<int> PooledDimension(Pooling pooling, const MapShape& map);

/// Pools one map that lies channels last (H, W, C) into `row`. Sums run row by
/// row in single precision, so the bits depend on the map alone.
/// REQUIRES: row.size() == PooledDimension(pooling, shape).
void PoolMap(Pooling pooling, const MapShape& shape, std::span<const float> map,
             std::span<float> row);

}  // namespace besom::stages
