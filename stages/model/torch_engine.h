#pragma once

#include "pipeline/base/result.h"
#include "stages/model/feature_engine.h"

namespace besom::stages {

/// LibTorch's engines: the CPU's where OpenVINO is not there, and GPUs'. As
/// MakeFeatureEngines; bf16 is not built.
Result<Engines> MakeTorchEngines(const EngineSpec& spec, int lanes);

}  // namespace besom::stages
