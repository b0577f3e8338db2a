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

}  // namespace
}  // namespace besom::cluster
