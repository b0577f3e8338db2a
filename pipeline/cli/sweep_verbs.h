#pragma once

#include "pipeline/cli/verb.h"

namespace besom::cli {

// The verbs about sweeps and their store; see verb.h.
void AddRunVerb(CLI::App& app, const GlobalOptions& global, VerbAction& action);
void AddPlanVerb(CLI::App& app, const GlobalOptions& global,
                 VerbAction& action);
void AddDataVerb(CLI::App& app, const GlobalOptions& global,
                 VerbAction& action);
void AddGcVerb(CLI::App& app, const GlobalOptions& global, VerbAction& action);
void AddPredictVerb(CLI::App& app, const GlobalOptions& global,
                    VerbAction& action);
void AddEvaluateVerb(CLI::App& app, const GlobalOptions& global,
                     VerbAction& action);
void AddExportVerb(CLI::App& app, const GlobalOptions& global,
                   VerbAction& action);

}  // namespace besom::cli
