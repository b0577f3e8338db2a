#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cluster/launch_environment.h"

namespace besom::cluster {

/// The network interfaces of this host that lead to no other host: loopback,
/// and the bridges and cables of containers and virtual machines, which have
/// the same addresses on every host. Ranks of several hosts that try them wait
/// for an answer of nobody. Empty where the system does not tell.
std::vector<std::string> HostOnlyInterfaces();

/// Whether somebody says which interfaces Open MPI's tcp is to use
/// (btl_tcp_if_include or _exclude, of which it takes one only): in options of
/// mpirun, in the environment, or in the texts of files of parameters.
bool NamesTcpInterfaces(const std::vector<std::string>& options,
                        const Environment& environment,
                        const std::vector<std::string>& files);
/// The texts of such files: of the installation that `mpirun` is of, of the
/// machine and of the user.
std::vector<std::string> MpiParameterFiles(const std::string& mpirun,
                                           const Environment& environment);

/// By its name.
bool IsHostOnly(std::string_view interface);

}  // namespace besom::cluster
