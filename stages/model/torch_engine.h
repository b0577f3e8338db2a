#pragma once

#include "pipeline/base/result.h"
#include "stages/model/feature_engine.h"

namespace besom::stages {

/// LibTorch's engines, for CPUs and GPUs. As MakeFeatureEngines.
Result<Engines> MakeTorchEngines(const EngineSpec& spec, int lanes);

}  // namespace besom::stages
