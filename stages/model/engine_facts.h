#pragma once

#include <string>

namespace besom::stages {

/// What the engine of this program is, and what it finds on this machine.
struct EngineFacts {
  std::string libtorch;  ///< Version, "2.15.0".
  int cuda_devices = 0;  ///< 0 without a driver.
};

EngineFacts FindEngineFacts();

}  // namespace besom::stages
