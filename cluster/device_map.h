#pragma once

#include <cstdint>
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

/// The same for a rank of a host where all see `devices`.
/// REQUIRES: 0 <= local_rank < local_ranks.
std::optional<DeviceChoice> DeviceForRank(
    const std::vector<std::string>& devices, int local_rank, int local_ranks);

/// kUnavailable, with the cure, when more than `allowed` ranks of this host
/// share a device: 1 unless the user asked for more. Ranks that share one
/// share its memory and its speed, and NCCL refuses them.
Status CheckSharing(const std::vector<std::optional<DeviceChoice>>& choices,
                    int allowed);

/// How many ranks fit into a device of `device_bytes` when each needs
/// `peak_bytes` at its peak, a tenth of the memory left to the driver and to
/// fragmentation; at least 1. REQUIRES: peak_bytes > 0.
int RanksThatFit(std::int64_t device_bytes, std::int64_t peak_bytes);

}  // namespace besom::cluster
