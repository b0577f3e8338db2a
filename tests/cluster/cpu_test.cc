#include "cluster/cpu.h"

#include <gtest/gtest.h>
#include <sched.h>

namespace besom::cluster {
namespace {

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

TEST(ThreadsPerRankTest, SharesTheCoresOut) {
  EXPECT_EQ(ThreadsPerRank(8, 2), 4);
  EXPECT_EQ(ThreadsPerRank(8, 3), 2);
  EXPECT_EQ(ThreadsPerRank(2, 4), 1);
}

TEST(HostNameTest, HasOne) { EXPECT_FALSE(HostName().empty()); }

}  // namespace
}  // namespace besom::cluster
