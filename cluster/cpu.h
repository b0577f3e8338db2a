#pragma once

#include <optional>
#include <string>

#include "pipeline/base/files.h"

namespace besom::cluster {

/// Cores that this process may use: its affinity, cut to the CPU quota of its
/// control group (rounded down), at least 1.
int UsableCores();

/// The CPU quota in cores (say 1.5) of the group that `proc_cgroup` (usually
/// /proc/self/cgroup) names, and of all groups above it, below `root` (usually
/// /sys/fs/cgroup); control groups of version 1 and 2. Nothing = no limit.
std::optional<double> CgroupCores(const Path& proc_cgroup, const Path& root);

/// Threads for each of `local_ranks` ranks that share `cores` cores, at least
/// 1. REQUIRES: cores >= 1, local_ranks >= 1.
int ThreadsPerRank(int cores, int local_ranks);

/// This machine's name; "localhost" when it has none.
std::string HostName();

}  // namespace besom::cluster
