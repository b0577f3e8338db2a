#include "cluster/host_interfaces.h"

#include <net/if.h>

#include <algorithm>
#include <iterator>

namespace besom::cluster {
namespace {

/// How the names begin that Linux, Docker, Podman, libvirt and the networks of
/// Kubernetes give them.
constexpr std::string_view kPrefixes[] = {"docker", "br-",     "virbr", "vnet",
                                          "veth",   "podman",  "cni",   "lxcbr",
                                          "lxdbr",  "flannel", "cali",  "tun"};

}  // namespace

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
