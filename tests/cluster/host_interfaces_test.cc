#include "cluster/host_interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::cluster {
namespace {

TEST(HostInterfacesTest, BridgesOfContainersLeadNowhere) {
  for (const char* name : {"lo", "docker0", "br-1f2e", "virbr0", "veth12ab",
                           "cni0", "flannel.1", "podman1"})
    EXPECT_TRUE(IsHostOnly(name)) << name;
  for (const char* name : {"eth0", "ib0", "eno1", "enp3s0f0", "bond0", "hsn0"})
    EXPECT_FALSE(IsHostOnly(name)) << name;
}

TEST(HostInterfacesTest, EveryHostHasItsLoopback) {
  EXPECT_THAT(HostOnlyInterfaces(), ::testing::Contains("lo"));
}

TEST(HostInterfacesTest, WhoeverChoosesTheNetworkIsHeard) {
  const Environment none = [](std::string_view) { return std::nullopt; };
  EXPECT_FALSE(
      NamesTcpInterfaces({"--mca", "btl", "^ofi"}, none,
                         {"# btl_tcp_if_include = ib0\nbtl = ^ofi\n"}));
  EXPECT_TRUE(
      NamesTcpInterfaces({"--mca", "btl_tcp_if_include", "ib0"}, none, {}));
  EXPECT_TRUE(NamesTcpInterfaces(
      {}, none, {"pml = ^ucx\n  btl_tcp_if_exclude = lo,eth9\n"}));
  const Environment site =
      [](std::string_view name) -> std::optional<std::string> {
    if (name == "OMPI_MCA_btl_tcp_if_include") return "10.0.0.0/8";
    return std::nullopt;
  };
  EXPECT_TRUE(NamesTcpInterfaces({}, site, {}));
}

}  // namespace
}  // namespace besom::cluster
