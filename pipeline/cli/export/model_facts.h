#pragma once

#include <string>

#include "db/reader.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/trained/trained_trial.h"

namespace besom::cli {

/// All that is needed to rebuild and feed the network, and what it reached; no
/// paths, no names of patients. See pipeline/cli/export/MODEL_JSON.md.
Result<Json> ModelFacts(const TrainedTrial& trial, db::Reader& reader);

}  // namespace besom::cli
