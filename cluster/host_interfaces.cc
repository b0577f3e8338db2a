#include "cluster/host_interfaces.h"

#include <net/if.h>

#include <algorithm>
#include <iterator>

#include "pipeline/base/files.h"

namespace besom::cluster {
namespace {

/// How the names begin that Linux, Docker, Podman, libvirt and the networks of
/// Kubernetes give them.
constexpr std::string_view kPrefixes[] = {"docker", "br-",     "virbr", "vnet",
                                          "veth",   "podman",  "cni",   "lxcbr",
                                          "lxdbr",  "flannel", "cali",  "tun"};

constexpr std::string_view kParameter = "btl_tcp_if_";

/// `text` is of lines "name = value", some of them comments (#).
bool SetsParameter(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.starts_with(kParameter)) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

}  // namespace

bool NamesTcpInterfaces(const std::vector<std::string>& options,
                        const Environment& environment,
                        const std::vector<std::string>& files) {
  const auto names = [](const std::string& word) {
    return word.find(kParameter) != std::string::npos;
  };
  return std::ranges::any_of(options, names) ||
         environment("OMPI_MCA_btl_tcp_if_include") ||
         environment("OMPI_MCA_btl_tcp_if_exclude") ||
         std::ranges::any_of(files, SetsParameter);
}

std::vector<std::string> MpiParameterFiles(const std::string& mpirun,
                                           const Environment& environment) {
  std::vector<Path> paths = {
      Path(mpirun).parent_path().parent_path() / "etc/openmpi-mca-params.conf",
      "/etc/openmpi/openmpi-mca-params.conf"};
  if (const std::optional<std::string> home = environment("HOME"))
    paths.push_back(Path(*home) / ".openmpi/mca-params.conf");
  std::vector<std::string> texts;
  for (const Path& path : paths)
    if (Result<std::string> text = ReadFile(path); text.ok())
      texts.push_back(*std::move(text));
  return texts;
}

bool IsHostOnly(std::string_view interface) {
  return interface == "lo" ||
         std::ranges::any_of(kPrefixes, [&](std::string_view prefix) {
           return interface.starts_with(prefix);
         });
}

std::vector<std::string> HostOnlyInterfaces() {
  std::vector<std::string> found;
  struct if_nameindex* const all = ::if_nameindex();
  if (all == nullptr) return found;
  for (const struct if_nameindex* entry = all; entry->if_index != 0; ++entry)
    if (IsHostOnly(entry->if_name)) found.emplace_back(entry->if_name);
  ::if_freenameindex(all);
  std::ranges::sort(found);
  return found;
}

}  // namespace besom::cluster
