// Stands in for openvino_engine.cc where OpenVINO was not found.
#include "stages/model/openvino_engine.h"

namespace besom::stages {

bool HasOpenVino() { return false; }

Result<Engines> MakeOpenVinoEngines(const EngineSpec&, int) {
  return Status(StatusCode::kUnavailable, "engine",
                "this program was built without OpenVINO",
                "install the Python package openvino and build again");
}

}  // namespace besom::stages
