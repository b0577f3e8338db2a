#pragma once

#include "pipeline/cli/export/export_arguments.h"

namespace besom::cli {

/// Writes the model, model.json and MODEL_CARD.md, each whole or not at all;
/// the model last. Prints the model's path and returns the exit code.
int RunExport(const ExportArguments& arguments);

}  // namespace besom::cli
