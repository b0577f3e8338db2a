// What of the NCCL backend needs no GPU.
#include "cluster/nccl_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nccl.h>

#include <atomic>

#include "cluster/cuda_devices.h"
#include "cluster/group_threads.h"
#include "cluster/nccl_error.h"
#include "cluster/nccl_version.h"

namespace besom::cluster {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(NcclErrorTest, EachNamesTheCallTheWordsAndTheLikelyCure) {
  EXPECT_TRUE(NcclStatus(ncclSuccess, "ncclAllReduce").ok());
  const Status system =
      NcclStatus(ncclSystemError, "ncclCommInitRankConfig", "no route to host");
  EXPECT_EQ(system.code(), StatusCode::kUnavailable);
  EXPECT_THAT(system.cause(), AllOf(StartsWith("ncclCommInitRankConfig: "),
                                    HasSubstr("(no route to host)")));
  EXPECT_THAT(system.cure(),
              AllOf(HasSubstr("NCCL_SOCKET_IFNAME"), HasSubstr("--shm-size"),
                    HasSubstr("NCCL_DEBUG=INFO")));
  EXPECT_THAT(NcclStatus(ncclUnhandledCudaError, "x").cure(),
              HasSubstr("nvidia-smi"));
  EXPECT_THAT(NcclStatus(ncclRemoteError, "x").cure(),
              HasSubstr("another rank"));
  EXPECT_THAT(NcclStatus(ncclInvalidUsage, "x").cure(),
              HasSubstr("same build"));
  EXPECT_THAT(NcclStatus(ncclInternalError, "x").cure(),
              HasSubstr("NCCL_DEBUG=INFO"));
  EXPECT_THAT(NcclStartTimeout(30).ToString(),
              AllOf(HasSubstr("within 30 s"), HasSubstr("NCCL_SOCKET_IFNAME")));
}

TEST(NcclGroupTest, TwoRanksOnOneGpuAreRefused) {
  EXPECT_TRUE(CheckOneRankPerGpu({}).ok());
  EXPECT_TRUE(CheckOneRankPerGpu({"GPU-a", "GPU-b", "GPU-c"}).ok());
  const Status status = CheckOneRankPerGpu({"GPU-a", "GPU-b", "GPU-b"});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.cause(),
              AllOf(HasSubstr("members 1 and 2"), HasSubstr("GPU-b")));
  EXPECT_THAT(status.cure(), HasSubstr("ranks_per_trial"));
}

// No machine has that many: as on one without a GPU.
TEST(NcclGroupTest, AGpuThatIsNotThereEndsAllMembersWithTheCure) {
  constexpr int kNoDevice = 100000;
  EXPECT_EQ(DeviceUuid(kNoDevice).status().code(), StatusCode::kUnavailable);
  GroupThreads threads(2, 2);
  std::atomic<int> ended = 0;
  for (const int rank : {0, 1}) {
    // The second hears of the first's error.
    const auto group = OpenNcclGroup(threads.Join(rank), kNoDevice, 30);
    EXPECT_EQ(group.status().code(), StatusCode::kUnavailable);
    EXPECT_THAT(group.status().cure(), HasSubstr("nvidia-smi"));
    ++ended;
  }
  EXPECT_EQ(ended, 2);
}

// Where there is no GPU there is no error, and where there are some each has
// a name of its own.
TEST(CudaDevicesTest, AreThoseThatCudaShows) {
  const auto gpus = CudaDevices();
  ASSERT_TRUE(gpus.ok()) << gpus.status().ToString();
  for (std::size_t i = 0; i < gpus->size(); ++i) {
    EXPECT_EQ((*gpus)[i].uuid, *DeviceUuid(static_cast<int>(i)));
    EXPECT_FALSE((*gpus)[i].model.empty());
  }
  EXPECT_FALSE(DeviceUuid(static_cast<int>(gpus->size())).ok());
}

}  // namespace
}  // namespace besom::cluster
