#include "stages/model/engine_facts.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/headeronly/version.h>

namespace besom::stages {

Result<EngineFacts> FindEngineFacts() {
  EngineFacts facts;
  facts.libtorch = TORCH_VERSION;
  const at::CUDAHooksInterface& cuda = at::detail::getCUDAHooks();
  if (cuda.hasCUDA()) facts.cuda_devices = cuda.deviceCount();
  return facts;
}

}  // namespace besom::stages
