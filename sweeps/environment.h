#pragma once

#include <functional>
#include <optional>
#include <string>

#include "pipeline/base/files.h"

namespace besom::sweeps {

/// What a path names.
enum class PathKind { kMissing, kFile, kFolder };

/// What reading a sweep asks of the world outside, so that tests bring theirs.
struct Environment {
  /// The value of an environment variable; none = unset.
  std::function<std::optional<std::string>(const std::string&)> variable;
  std::function<PathKind(const Path&)> kind;
};

/// This process's variables and file system.
Environment ProcessEnvironment();

}  // namespace besom::sweeps
