#pragma once

#include "pipeline/cli/predict_arguments.h"

namespace besom::cli {

/// Classifies what the arguments name, prints the tables or CSV to stdout and
/// returns the exit code.
int RunPredict(const PredictArguments& arguments);

}  // namespace besom::cli
