#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "stages/stage.h"

namespace besom::run {

/// Version of each stage by name, for action keys. Needs no engine.
std::map<std::string, int, std::less<>> StageVersions();

/// The stages in the order of the pipeline, as `--until` names them.
const std::vector<std::string>& StageOrder();

/// The stages that need no engine: all but `features`.
stages::StageRegistry EngineFreeStages();

}  // namespace besom::run
