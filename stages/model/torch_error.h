#pragma once

#include <exception>
#include <string>

#include "pipeline/base/status.h"

namespace besom::stages {

/// The message of an exception of LibTorch, without its stack trace.
std::string WhatOfTorch(const std::exception& error);

/// What LibTorch or the allocator threw: kOutOfMemory, since memory that is
/// missing may be there when the task has its device to itself; else kFailed.
Status StatusOfTorch(const std::exception& error);

}  // namespace besom::stages
