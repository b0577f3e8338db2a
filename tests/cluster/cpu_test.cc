#include "cluster/cpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <numeric>

namespace besom::cluster {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

class CgroupTest : public ::testing::Test {
 protected:
  CgroupTest() : root_(Path(::testing::TempDir()) / "besom_cpu_test") {
    std::filesystem::remove_all(root_);
  }
  ~CgroupTest() override { std::filesystem::remove_all(root_); }

  void Write(const Path& path, std::string_view text) {
    ASSERT_TRUE(WriteFileAtomic(root_ / path, text).ok());
  }
  std::optional<double> Cores() {
    return CgroupCores(root_ / "cgroup", root_ / "fs");
  }

  const Path root_;
};

TEST_F(CgroupTest, NoFileIsNoLimit) { EXPECT_EQ(Cores(), std::nullopt); }

TEST_F(CgroupTest, Version2TakesTheLeastOfTheGroupsAbove) {
  Write("cgroup", "0::/slice/job/step\n");
  EXPECT_EQ(Cores(), std::nullopt);
  Write("fs/slice/job/step/cpu.max", "max 100000\n");
  EXPECT_EQ(Cores(), std::nullopt);
  Write("fs/slice/job/cpu.max", "150000 100000\n");
  EXPECT_EQ(Cores(), 1.5);
  Write("fs/slice/cpu.max", "400000 100000\n");
  EXPECT_EQ(Cores(), 1.5);
  Write("fs/cpu.max", "50000 100000\n");  // As in a container.
  EXPECT_EQ(Cores(), 0.5);
}

TEST_F(CgroupTest, Version1HasAFileForEach) {
  Write("cgroup", "12:memory:/x\n4:cpu,cpuacct:/job\n1:cpuset:/y\n");
  Write("fs/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  Write("fs/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Cores(), std::nullopt);
  Write("fs/cpu,cpuacct/job/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(Cores(), 3);
}

TEST_F(CgroupTest, NonsenseIsNoLimit) {
  Write("cgroup", "nonsense\n0::/job\n");
  Write("fs/job/cpu.max", "nonsense\n");
  EXPECT_EQ(Cores(), std::nullopt);
}

TEST(UsableCoresTest, FollowsTheAffinity) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_GE(UsableCores(), 1);
  EXPECT_LE(UsableCores(), CPU_COUNT(&before));
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(UsableCores(), 1);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

std::vector<int> Cpus(int first, int count) {
  std::vector<int> cpus(static_cast<std::size_t>(count));
  std::iota(cpus.begin(), cpus.end(), first);
  return cpus;
}

std::vector<std::vector<int>> Unbound(std::size_t ranks, int cores) {
  return std::vector(ranks, Cpus(0, cores));
}

TEST(ThreadsOfRanksTest, UnboundRanksShareAllCores) {
  EXPECT_THAT(ThreadsOfRanks(Unbound(2, 8), {}), ElementsAre(4, 4));
  EXPECT_THAT(ThreadsOfRanks(Unbound(3, 8), {}), Each(2));
  EXPECT_THAT(ThreadsOfRanks(Unbound(4, 2), {}), Each(1));
  EXPECT_THAT(ThreadsOfRanks(Unbound(3, 3), {}), Each(1));
}

TEST(ThreadsOfRanksTest, BoundRanksUseTheirOwn) {
  EXPECT_THAT(ThreadsOfRanks({Cpus(0, 4), Cpus(4, 4)}, {}), ElementsAre(4, 4));
  EXPECT_THAT(ThreadsOfRanks({Cpus(0, 1), Cpus(1, 3)}, {}), ElementsAre(1, 3));
  // Two share four cores, the third has two of its own.
  EXPECT_THAT(ThreadsOfRanks({Cpus(0, 4), Cpus(0, 4), Cpus(4, 2)}, {}),
              Each(2));
}

TEST(ThreadsOfRanksTest, AQuotaIsForAllTogether) {
  EXPECT_THAT(ThreadsOfRanks(Unbound(2, 16), 6.0), Each(3));
  EXPECT_THAT(ThreadsOfRanks(Unbound(1, 16), 1.5), ElementsAre(1));
  EXPECT_THAT(ThreadsOfRanks(Unbound(1, 2), 6.0), ElementsAre(2));
}

TEST(HostNameTest, HasOne) { EXPECT_FALSE(HostName().empty()); }

}  // namespace
}  // namespace besom::cluster
