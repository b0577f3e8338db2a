#pragma once

#include <string>

#include "db/reader.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/trained/trained_trial.h"

namespace besom::cli {

/// The text of MODEL_CARD.md: data, split, training, figures, how the trial was
/// chosen, and limits. `facts`: of ModelFacts. Names no paths and no patients.
Result<std::string> ModelCard(const TrainedTrial& trial, const Json& facts,
                              db::Reader& reader);

}  // namespace besom::cli
