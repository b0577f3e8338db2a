#include "stages/model/torch_device.h"

#include <ATen/Context.h>

#include <exception>

#include "stages/model/torch_error.h"

namespace besom::stages {
namespace {

/// Full float32 on GPUs: TF32 would drop 13 bits of every product.
void ForbidTf32() {
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setDeterministicCuDNN(true);
}

}  // namespace

Result<at::Device> FindTorchDevice(const std::string& name) {
  try {
    const at::Device device(name);
    if (device.is_cuda()) {
      if (!at::globalContext().hasCUDA())
        return Status(StatusCode::kUnavailable, "device",
                      "LibTorch finds no GPU", "use the CPU");
      ForbidTf32();
    }
    return device;
  } catch (const std::exception& error) {
    return InvalidError("device", WhatOfTorch(error), "use cpu or cuda:0 ...");
  }
}

}  // namespace besom::stages
