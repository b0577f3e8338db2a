#pragma once

#include "stages/model/engine_facts.h"
#include "stages/model/feature_engine.h"
#include "stages/model/network_probe.h"
#include "stages/model/script_program.h"
#include "stages/model/trained_base.h"

namespace besom::stages {

/// What the library of engines offers to the program that loads it. Both come
/// from one build: nothing here is kept compatible between builds.
struct EngineModule {
  Result<Engines> (*make_engines)(const EngineSpec& spec, int lanes);
  Result<EngineFacts> (*find_facts)();
  Result<std::unique_ptr<TrainedBase>> (*make_trained_base)(
      const TrainedBaseSpec& spec);
  Result<std::string> (*pack_torch_script)(const ScriptProgram& program);
  Result<std::unique_ptr<NetworkProbe>> (*make_network_probe)(
      const ScriptProgram& program, int side, int threads);
};

/// The only symbol that the library exports, of type EngineModuleEntry. The
/// value lives as long as the library.
inline constexpr char kEngineModuleEntry[] = "BesomEngineModule";
using EngineModuleEntry = const EngineModule*();

}  // namespace besom::stages
