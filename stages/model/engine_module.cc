// The entry of the library of engines.
//
// The library has copies of its own of `base` and `catalog`. They hold no state
// that both sides must share: nothing here logs, and of maps of files each side
// guards its own, passing on the bus errors that are not its own.
#include "stages/model/engine_module.h"

using besom::stages::EngineModule;

extern "C" __attribute__((visibility("default"))) const EngineModule*
BesomEngineModule() {
  static constexpr EngineModule kModule = {
      besom::stages::MakeFeatureEngines, besom::stages::FindEngineFacts,
      besom::stages::MakeTrainedBase, besom::stages::PackTorchScript,
      besom::stages::MakeNetworkProbe};
  return &kModule;
}
