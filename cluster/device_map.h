#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::cluster {

/// UUIDs ("GPU-...") of this machine's GPUs in the driver's order, without a
/// CUDA call; empty without a driver. `root` is usually /proc/driver/nvidia.
std::vector<std::string> MachineGpus(const Path& root);

/// Names of the GPUs that CUDA shows a process, in CUDA's numbering: entry i
/// is device i. `visible` is CUDA_VISIBLE_DEVICES: numbers, UUIDs or unique
/// beginnings of UUIDs ("GPU-8932f9"), MIG UUIDs, separated by commas; as in
/// CUDA, the list ends at the first entry that is no device ("-1", ""), and
/// unset means all. A number's name is the number: CUDA may number the devices
/// differently from the driver. kInvalid, with the cure, for a device named
/// twice and a beginning that fits several.
Result<std::vector<std::string>> VisibleDevices(
    const std::vector<std::string>& machine_uuids,
    const std::optional<std::string>& visible);

/// Which GPU a rank uses.
struct DeviceChoice {
  int device = 0;    ///< CUDA's number in this process.
  std::string name;  ///< From VisibleDevices.
  int sharers = 1;   ///< Ranks of this host on the same device.

  bool operator==(const DeviceChoice&) const = default;
};

/// One rank, one device, in turn when there are more ranks than devices.
/// Nothing when `devices` is empty. All ranks of the host see the same list.
/// REQUIRES: 0 <= local_rank < local_ranks.
std::optional<DeviceChoice> DeviceForRank(
    const std::vector<std::string>& devices, int local_rank, int local_ranks);

}  // namespace besom::cluster
