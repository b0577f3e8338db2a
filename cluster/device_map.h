#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::cluster {

/// A GPU as its driver names it.
struct Gpu {
  std::string uuid;   ///< "GPU-..."
  std::string model;  ///< "NVIDIA H100 80GB HBM3"; may be empty.

  bool operator==(const Gpu&) const = default;
};

/// Where the driver tells of them.
inline constexpr char kDriverFolder[] = "/proc/driver/nvidia";

/// This machine's GPUs in the driver's order, without a CUDA call; empty
/// without a driver. `root` is usually kDriverFolder.
std::vector<Gpu> MachineGpus(const Path& root);

/// Those of `machine` that CUDA will show a process, as `visible` says
/// (VisibleDevices), with their models; without a CUDA call.
Result<std::vector<Gpu>> VisibleGpus(const std::vector<Gpu>& machine,
                                     const std::optional<std::string>& visible);

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
  int sharers = 1;   ///< Ranks of this host on the same device, this one too.

  bool operator==(const DeviceChoice&) const = default;
};

/// The devices of all ranks of one host. `visible[r]`: what local rank r sees,
/// which may be one list for all (mpirun) or one each (srun --gpus-per-task).
/// Ranks choose in their order, each the first of its list that the fewest
/// ranks have: one rank, one device, in turn when there are more ranks than
/// devices. Nothing for a rank that sees none. A name must mean the same device
/// on all ranks: where lists differ they hold UUIDs (DeviceUuid), as each rank
/// of srun may call its own GPU 0.
std::vector<std::optional<DeviceChoice>> DevicesForRanks(
    const std::vector<std::vector<std::string>>& visible);

}  // namespace besom::cluster
