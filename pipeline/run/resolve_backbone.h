#pragma once

#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/run/planner.h"
#include "stages/data/scan.h"
#include "stages/model/weights_store.h"

namespace besom::run {

/// What a plan needs of the base of `model` (the section of a trial). Files of
/// weights are hashed through `digests`; where it starts from is added to
/// `noted`, unless it is there. Errors are those of the weights.
Result<ResolvedBackbone> ResolveBackbone(
    const Json& model, stages::ContentDigests& digests,
    std::vector<stages::WeightsInfo>& noted);

}  // namespace besom::run
