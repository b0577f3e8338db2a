#pragma once

#include <optional>
#include <string>

#include "cluster/launch_environment.h"

namespace besom::cluster {

/// The Slurm job that this process runs in.
struct SlurmAllocation {
  std::string job;      ///< "12"; of an array's task "12_3".
  std::string cluster;  ///< Slurm's name of it; "" = not known.
  std::string nodes;    ///< As Slurm writes lists: "node[1-3]".
  int node_count = 1;
  int cpus_per_node = 1;  ///< Of the first node.
  int gpus_per_node = 0;  ///< Of the first node.
  int restarts = 0;       ///< How often the job had been started before.

  bool operator==(const SlurmAllocation&) const = default;
};

/// Reads SLURM_JOB_ID and what stands beside it; nothing outside of a job. The
/// nodes of a job are taken to be alike.
std::optional<SlurmAllocation> ReadAllocation(const Environment& environment);

}  // namespace besom::cluster
