#pragma once

#include <string>

#include "pipeline/base/result.h"

namespace besom::stages {

/// What the engine of this program is, and what it finds on this machine.
struct EngineFacts {
  std::string libtorch;  ///< Version, "2.15.0".
  int cuda_devices = 0;  ///< 0 without a driver.
};

/// Loads the engines where they are not linked (stages/model/engine_loader.h);
/// errors are those of loading them.
Result<EngineFacts> FindEngineFacts();

}  // namespace besom::stages
