#pragma once

#include "pipeline/cli/verb.h"

namespace besom::cli {

// The verbs that show what a model does with single images; see verb.h.
void AddMistakesVerb(CLI::App& app, const GlobalOptions& global,
                     VerbAction& action);
void AddSaliencyVerb(CLI::App& app, const GlobalOptions& global,
                     VerbAction& action);

}  // namespace besom::cli
