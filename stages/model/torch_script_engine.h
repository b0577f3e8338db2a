#pragma once

#include "stages/model/feature_engine.h"

namespace besom::stages {

/// Makes `lanes` engines of the TorchScript file `spec.weights`, float32, which
/// LibTorch's interpreter runs in evaluation mode, an image at a time, without
/// optimizing it: rows depend on their image alone. Its forward takes (1, 3,
/// size, size) and gives a map (1, C, H, W), which is pooled, or numbers (1,
/// C), which count as a map of one position. kInvalid for a file that LibTorch
/// does not load, another output, one that cannot be pooled so, and a network
/// that says something else the second time (it draws, or remembers); else as
/// MakeFeatureEngines. REQUIRES: lanes >= 1, one tap of the cut `full`.
Result<Engines> MakeTorchScriptEngines(const EngineSpec& spec, int lanes);

}  // namespace besom::stages
