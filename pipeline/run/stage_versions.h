#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "stages/model/features_stage.h"
#include "stages/model/trained_base.h"
#include "stages/stage.h"

namespace besom::run {

/// Version of each stage by name, for action keys. Needs no engine.
std::map<std::string, int, std::less<>> StageVersions();

/// The stages in the order of the pipeline, as `--until` names them.
const std::vector<std::string>& StageOrder();

/// All stages, which make the engines that they need by these.
stages::StageRegistry StagesWith(const stages::EnginesFactory& make_engines,
                                 const stages::TrainedBaseFactory& make_base);

}  // namespace besom::run
