#pragma once

#include <functional>

#include "pipeline/cli/evaluate/evaluate_arguments.h"
#include "stages/stage.h"

namespace besom::cli {

/// Evaluates a trial on sets that its sweep does not name, stores the figures,
/// prints them and returns the exit code. After an error, and when `stop` (any
/// thread) asked for an end before they are stored, nothing is stored.
int RunEvaluate(const EvaluateArguments& arguments,
                const stages::StageRegistry& stages,
                const std::function<bool()>& stop);

}  // namespace besom::cli
