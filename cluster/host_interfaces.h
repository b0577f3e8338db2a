#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace besom::cluster {

/// The network interfaces of this host that lead to no other host: loopback,
/// and the bridges and cables of containers and virtual machines, which have
/// the same addresses on every host. Ranks of several hosts that try them wait
/// for an answer of nobody. Empty where the system does not tell.
std::vector<std::string> HostOnlyInterfaces();

/// By its name.
bool IsHostOnly(std::string_view interface);

}  // namespace besom::cluster
