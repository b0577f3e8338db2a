#pragma once

#include <c10/core/Device.h>

#include <string>

#include "pipeline/base/result.h"

namespace besom::stages {

/// "cpu" or "cuda:N", with float32 that is not cut to TF32. kInvalid for
/// another name, kUnavailable where there is no GPU.
Result<at::Device> FindTorchDevice(const std::string& name);

}  // namespace besom::stages
