#pragma once

#include "pipeline/cli/verb.h"

namespace besom::cli {

// The verbs about jobs of Slurm; see verb.h.
void AddSubmitVerb(CLI::App& app, const GlobalOptions& global,
                   VerbAction& action);
void AddCancelVerb(CLI::App& app, const GlobalOptions& global,
                   VerbAction& action);

}  // namespace besom::cli
