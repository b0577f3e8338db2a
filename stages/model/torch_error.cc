#include "stages/model/torch_error.h"

#include <c10/util/Exception.h>

#include <new>

namespace besom::stages {

std::string WhatOfTorch(const std::exception& error) {
  if (const auto* ours = dynamic_cast<const c10::Error*>(&error))
    return ours->what_without_backtrace();
  return error.what();
}

Status StatusOfTorch(const std::exception& error) {
  const bool memory =
      dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
      dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  return Status(memory ? StatusCode::kOutOfMemory : StatusCode::kFailed,
                "LibTorch", WhatOfTorch(error),
                memory ? "start fewer ranks for each GPU or machine" : "");
}

}  // namespace besom::stages
