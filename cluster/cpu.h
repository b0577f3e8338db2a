#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/files.h"

namespace besom::cluster {

/// Cores that this process may use: its affinity, cut to the CPU quota of its
/// control group (rounded down), at least 1.
int UsableCores();

/// The CPU quota in cores (say 1.5) of the group that `proc_cgroup` (usually
/// /proc/self/cgroup) names, and of all groups above it, below `root` (usually
/// /sys/fs/cgroup); control groups of version 1 and 2. Nothing = no limit.
std::optional<double> CgroupCores(const Path& proc_cgroup, const Path& root);

/// The cores of this process's affinity, by number, ascending.
std::vector<int> AffinityCpus();

/// Cores that this process's control group may use; nothing = no limit.
std::optional<double> QuotaCores();

/// Threads for each of the ranks of one host, at least 1: a core that several
/// may use is shared by them evenly, whether all have the same cores (unbound)
/// or each its own. `cpus`: the affinity of each; `quota`: cores of all
/// together, if there is a limit. REQUIRES: no affinity is empty.
std::vector<int> ThreadsOfRanks(const std::vector<std::vector<int>>& cpus,
                                std::optional<double> quota);

/// This machine's name; "localhost" when it has none.
std::string HostName();

}  // namespace besom::cluster
