#pragma once

#include <memory>

#include "stages/model/export/exported_model.h"
#include "stages/model/network_probe.h"

namespace besom::stages {

/// The network as it is exported, ready to be asked; its watched map is that of
/// WatchedLayer. Errors as MakeNetworkProbe's and TensorsOf's.
/// REQUIRES: threads >= 1.
Result<std::unique_ptr<NetworkProbe>> ProbeOf(const ExportedModel& model,
                                              int threads);

}  // namespace besom::stages
