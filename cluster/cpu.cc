#include "cluster/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <fstream>
#include <sstream>
#include <thread>

namespace besom::cluster {
namespace {

int AffinityCores() {
  // Machines with more cores than cpu_set_t holds need a larger set.
  for (int capacity = CPU_SETSIZE; capacity <= (1 << 20); capacity *= 2) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    const bool fits = ::sched_getaffinity(0, bytes, set) == 0;
    const int count = fits ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (fits) return count;
  }
  return static_cast<int>(std::thread::hardware_concurrency());
}

std::optional<double> ReadNumber(const Path& path) {
  std::ifstream file(path);
  double value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

// cpu.max of version 2 holds "QUOTA PERIOD" or "max PERIOD".
std::optional<double> QuotaV2(const Path& folder) {
  std::ifstream file(folder / "cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0)
    return std::nullopt;
  return std::strtod(quota.c_str(), nullptr) / period;
}

// Version 1 has a file for each; a quota of -1 is none.
std::optional<double> QuotaV1(const Path& folder) {
  const auto quota = ReadNumber(folder / "cpu.cfs_quota_us");
  const auto period = ReadNumber(folder / "cpu.cfs_period_us");
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

// The least quota of `group` ("/a/b") and of the groups above it.
std::optional<double> LeastQuota(const Path& root, Path group,
                                 std::optional<double> (*quota)(const Path&)) {
  std::optional<double> least;
  group = group.relative_path();
  while (true) {
    if (const auto here = quota(root / group))
      least = std::min(*here, least.value_or(*here));
    if (group.empty()) return least;
    group = group.parent_path();
  }
}

// Whether "cpu" is among the comma-separated controllers.
bool HasCpu(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');)
    if (name == "cpu") return true;
  return false;
}

}  // namespace

std::optional<double> CgroupCores(const Path& proc_cgroup, const Path& root) {
  std::optional<double> least;
  std::ifstream file(proc_cgroup);
  // Lines are "ID:CONTROLLERS:/path"; those of version 2 name no controller.
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const Path group = line.substr(second + 1);
    std::optional<double> quota;
    if (controllers.empty()) {
      quota = LeastQuota(root, group, QuotaV2);
    } else if (HasCpu(controllers)) {
      quota = LeastQuota(root / controllers, group, QuotaV1);
      if (!quota) quota = LeastQuota(root / "cpu", group, QuotaV1);
    }
    if (quota) least = std::min(*quota, least.value_or(*quota));
  }
  return least;
}

int UsableCores() {
  int cores = AffinityCores();
  if (const auto quota = CgroupCores("/proc/self/cgroup", "/sys/fs/cgroup"))
    cores = std::min(cores, static_cast<int>(*quota));
  return std::max(cores, 1);
}

int ThreadsPerRank(int cores, int local_ranks) {
  BESOM_CHECK(cores >= 1 && local_ranks >= 1,
              std::to_string(cores) + " cores for " +
                  std::to_string(local_ranks) + " ranks");
  return std::max(1, cores / local_ranks);
}

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = "";
  if (::gethostname(name, sizeof name - 1) != 0 || *name == '\0')
    return "localhost";
  return name;
}

}  // namespace besom::cluster
