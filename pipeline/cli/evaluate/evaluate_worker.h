#pragma once

#include "pipeline/cli/evaluate/evaluate_arguments.h"
#include "stages/stage.h"

namespace besom::cli {

/// Evaluates a trial on sets that its sweep does not name, stores the figures,
/// prints them and returns the exit code. After an error nothing is stored.
int RunEvaluate(const EvaluateArguments& arguments,
                const stages::StageRegistry& stages);

}  // namespace besom::cli
