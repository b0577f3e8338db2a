#pragma once

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"
#include "stages/model/engine_module.h"

// MakeFeatureEngines and FindEngineFacts for programs that do not link the
// engines: the first call loads them (LibTorch and OpenVINO take a third of a
// second). Thread safety: any thread.

namespace besom::stages {

/// Where this program's library of engines lies: beside the program.
Path EngineModulePath();

/// Whether a library of engines is at `path`; loads nothing. kUnavailable, with
/// the cure, when it is not there.
Status FindEngineModule(const Path& path);

/// Loads the library of engines at `path`, for good. kUnavailable, with the
/// cure, when it is not there, lacks a library, or is something else.
Result<const EngineModule*> LoadEngineModule(const Path& path);

/// Loads this program's library, unless it is; as LoadEngineModule.
Status LoadEngines();

}  // namespace besom::stages
