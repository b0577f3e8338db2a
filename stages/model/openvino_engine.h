#pragma once

#include "pipeline/base/result.h"
#include "stages/model/feature_engine.h"

namespace besom::stages {

/// Whether this program was built with OpenVINO.
bool HasOpenVino();

/// OpenVINO's engines, for CPUs; they share one compiled network. As
/// MakeFeatureEngines. kUnavailable without HasOpenVino().
Result<Engines> MakeOpenVinoEngines(const EngineSpec& spec, int lanes);

}  // namespace besom::stages
