#include "cluster/device_map.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

namespace besom::cluster {
namespace {

constexpr char kVariable[] = "CUDA_VISIBLE_DEVICES";

std::string Trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool IsUuid(const std::string& entry) {
  return entry.starts_with("GPU-") || entry.starts_with("MIG-");
}

// The name of the device that `entry` means; empty when it means none.
Result<std::string> Resolve(const std::vector<std::string>& uuids,
                            const std::string& entry) {
  if (entry.starts_with("MIG-")) return entry;
  if (!IsUuid(entry)) {
    int number = -1;
    const char* end = entry.data() + entry.size();
    const auto [stop, error] = std::from_chars(entry.data(), end, number);
    if (error != std::errc() || stop != end || number < 0 ||
        number >= static_cast<int>(uuids.size()))
      return std::string();
    return std::to_string(number);
  }
  std::string found;
  for (const std::string& uuid : uuids) {
    if (!uuid.starts_with(entry)) continue;
    if (!found.empty())
      return InvalidError(kVariable, "'" + entry + "' fits several devices",
                          "write more of the UUID; `nvidia-smi -L` lists them");
    found = uuid;
  }
  return found;
}

}  // namespace

std::vector<Gpu> MachineGpus(const Path& root) {
  std::vector<Path> folders;
  std::error_code error;
  for (std::filesystem::directory_iterator it(root / "gpus", error), end;
       !error && it != end; it.increment(error))
    folders.push_back(it->path());
  std::ranges::sort(folders);  // Named by PCI address.
  std::vector<Gpu> gpus;
  for (const Path& folder : folders) {
    std::ifstream file(folder / "information");
    Gpu gpu;
    for (std::string line; std::getline(file, line);) {
      const std::size_t colon = line.find(':');
      if (colon == std::string::npos) continue;
      if (line.starts_with("Model:"))
        gpu.model = Trimmed(line.substr(colon + 1));
      if (line.starts_with("GPU UUID:"))
        gpu.uuid = Trimmed(line.substr(colon + 1));
    }
    if (IsUuid(gpu.uuid)) gpus.push_back(std::move(gpu));
  }
  return gpus;
}

Result<std::vector<Gpu>> VisibleGpus(
    const std::vector<Gpu>& machine,
    const std::optional<std::string>& visible) {
  std::vector<std::string> uuids;
  for (const Gpu& gpu : machine) uuids.push_back(gpu.uuid);
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         VisibleDevices(uuids, visible));
  std::vector<Gpu> gpus;
  for (const std::string& name : names) {
    const auto known = std::ranges::find(machine, name, &Gpu::uuid);
    if (known != machine.end())
      gpus.push_back(*known);
    else if (IsUuid(name))  // A part of one.
      gpus.push_back({name, machine.empty() ? "" : machine.front().model});
    else
      gpus.push_back(machine[std::stoul(name)]);
  }
  return gpus;
}

Result<std::vector<std::string>> VisibleDevices(
    const std::vector<std::string>& machine_uuids,
    const std::optional<std::string>& visible) {
  std::vector<std::string> names;
  if (!visible) {
    for (std::size_t i = 0; i < machine_uuids.size(); ++i)
      names.push_back(std::to_string(i));
    return names;
  }
  std::istringstream entries(*visible);
  for (std::string entry; std::getline(entries, entry, ',');) {
    BESOM_ASSIGN_OR_RETURN(const std::string name,
                           Resolve(machine_uuids, Trimmed(entry)));
    if (name.empty()) break;
    if (std::ranges::find(names, name) != names.end())
      return InvalidError(kVariable, "names '" + name + "' twice",
                          "name each device once");
    names.push_back(name);
  }
  return names;
}

std::vector<std::optional<DeviceChoice>> DevicesForRanks(
    const std::vector<std::vector<std::string>>& visible) {
  std::map<std::string, int> ranks_on;
  std::vector<std::optional<DeviceChoice>> choices;
  for (const std::vector<std::string>& devices : visible) {
    choices.emplace_back();
    if (devices.empty()) continue;
    const auto best = std::ranges::min_element(
        devices, {}, [&](const std::string& name) { return ranks_on[name]; });
    ++ranks_on[*best];
    choices.back() = {.device = static_cast<int>(best - devices.begin()),
                      .name = *best};
  }
  for (std::optional<DeviceChoice>& choice : choices)
    if (choice) choice->sharers = ranks_on[choice->name];
  return choices;
}

}  // namespace besom::cluster
