#include "stages/model/feature_engine.h"

#include <utility>

#include "stages/model/numerics_tag.h"
#include "stages/model/openvino_engine.h"
#include "stages/model/torch_engine.h"

namespace besom::stages {

Result<Engines> MakeFeatureEngines(const EngineSpec& spec, int lanes) {
  BESOM_RETURN_IF_ERROR(CheckPrecision(spec.precision, spec.device));
  // As NumericsTag names it.
  return spec.device == "cpu" && HasOpenVino()
             ? MakeOpenVinoEngines(spec, lanes)
             : MakeTorchEngines(spec, lanes);
}

Result<std::unique_ptr<FeatureEngine>> MakeFeatureEngine(
    const EngineSpec& spec) {
  BESOM_ASSIGN_OR_RETURN(Engines engines, MakeFeatureEngines(spec, 1));
  return std::move(engines.front());
}

}  // namespace besom::stages
