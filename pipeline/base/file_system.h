#pragma once

#include <cstdint>

#include "pipeline/base/files.h"

namespace besom {

/// True for the number (statfs(2): f_type) of a file system that other machines
/// may write to: what they did may be seen here late, and locks may be missing.
/// FUSE is one of them: what is behind it is not told.
bool IsNetworkFileSystem(std::uint64_t type);

/// The same of the file system that holds `path`, or will: the nearest folder
/// above it that is there counts. False when that cannot be told.
bool IsOnNetworkFileSystem(const Path& path);

}  // namespace besom
