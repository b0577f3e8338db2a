#include "stages/model/feature_engine.h"

#include "stages/model/openvino_engine.h"
#include "stages/model/torch_engine.h"
#include "stages/model/torch_script.h"
#include "stages/model/torch_script_engine.h"

namespace besom::stages {

Result<Engines> MakeFeatureEngines(const EngineSpec& spec, int lanes) {
  if (spec.backbone == kTorchScript) return MakeTorchScriptEngines(spec, lanes);
  if (spec.engine == "openvino") return MakeOpenVinoEngines(spec, lanes);
  if (spec.engine == "libtorch") return MakeTorchEngines(spec, lanes);
  return InvalidError("engine", "there is none named " + spec.engine,
                      "use openvino or libtorch");
}

}  // namespace besom::stages
