// Stands in for the library of engines: makes as many null pointers as lanes.
#include "stages/model/engine_module.h"

using besom::Result;
using besom::stages::EngineModule;
using besom::stages::Engines;
using besom::stages::EngineSpec;

extern "C" const EngineModule* BesomEngineModule() {
  static const EngineModule module = {
      .make_engines = [](const EngineSpec&, int lanes) -> Result<Engines> {
        return Engines(static_cast<std::size_t>(lanes));
      }};
  return &module;
}
