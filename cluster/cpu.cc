#include "cluster/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

namespace besom::cluster {
namespace {

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

std::vector<int> AffinityCpus() {
  std::vector<int> cpus;
  // Machines with more cores than cpu_set_t holds need a larger set.
  for (int capacity = CPU_SETSIZE; capacity <= (1 << 20); capacity *= 2) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    const bool fits = ::sched_getaffinity(0, bytes, set) == 0;
    for (int cpu = 0; fits && cpu < capacity; ++cpu)
      if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(cpu);
    CPU_FREE(set);
    if (fits) return cpus;
  }
  const unsigned cores = std::max(std::thread::hardware_concurrency(), 1U);
  for (unsigned cpu = 0; cpu < cores; ++cpu)
    cpus.push_back(static_cast<int>(cpu));
  return cpus;
}

std::optional<double> QuotaCores() {
  return CgroupCores("/proc/self/cgroup", "/sys/fs/cgroup");
}

int UsableCores() { return ThreadsOfRanks({AffinityCpus()}, QuotaCores())[0]; }

std::vector<int> ThreadsOfRanks(const std::vector<std::vector<int>>& cpus,
                                std::optional<double> quota) {
  std::map<int, int> sharers;
  for (const std::vector<int>& mine : cpus) {
    BESOM_CHECK(!mine.empty(), "a rank without cores");
    for (const int cpu : mine) ++sharers[cpu];
  }
  std::vector<int> threads;
  for (const std::vector<int>& mine : cpus) {
    // Summed as how many cores are shared by how many, so that three thirds
    // are one.
    std::map<int, int> cores;
    for (const int cpu : mine) ++cores[sharers[cpu]];
    double share = 0;
    for (const auto& [ranks, count] : cores)
      share += static_cast<double>(count) / ranks;
    if (quota)
      share = std::min(share, *quota / static_cast<double>(cpus.size()));
    threads.push_back(std::max(static_cast<int>(share), 1));
  }
  return threads;
}

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = "";
  if (::gethostname(name, sizeof name - 1) != 0 || *name == '\0')
    return "localhost";
  return name;
}

}  // namespace besom::cluster
