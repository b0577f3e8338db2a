#pragma once

#include <string>
#include <vector>

#include "cluster/device_map.h"

namespace besom::cluster {

/// The UUID ("GPU-...", "MIG-...") of CUDA's device `device` in this process.
/// kUnavailable, with the cure, when there is no such device or no driver.
Result<std::string> DeviceUuid(int device);

/// What CUDA shows this process, in its numbering, by name; empty without a
/// driver or a device. Makes no context on any device. kUnavailable, with the
/// cure, for a driver that does not work.
Result<std::vector<Gpu>> CudaDevices();

}  // namespace besom::cluster
