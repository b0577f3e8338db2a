#pragma once

#include <string>
#include <vector>

#include "pipeline/base/result.h"

namespace besom {

/// How a child process ended.
struct ProcessOutcome {
  int exit_code = 0;   ///< 128 + signal when a signal ended it.
  int signal = 0;      ///< 0 when it exited by itself.
  std::string output;  ///< Its standard output.
};

/// What becomes of a child's standard error.
enum class StandardError {
  kPassedThrough,  ///< It goes where ours goes.
  kInOutput,       ///< It is part of the output.
};

/// Runs `command` (argv; the program is looked up on the PATH) to its end.
/// kNotFound when there is no such program.
Result<ProcessOutcome> RunProcess(
    const std::vector<std::string>& command,
    StandardError errors = StandardError::kPassedThrough);

}  // namespace besom
