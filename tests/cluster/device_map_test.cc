#include "cluster/device_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<std::string> kMachine = {"GPU-aa11", "GPU-aa22", "GPU-bb33",
                                           "GPU-cc44"};

std::vector<std::string> Visible(const std::optional<std::string>& variable) {
  auto devices = VisibleDevices(kMachine, variable);
  EXPECT_TRUE(devices.ok()) << devices.status().ToString();
  return devices.ok() ? *devices : std::vector<std::string>();
}

TEST(VisibleDevicesTest, AllWhenUnset) {
  EXPECT_THAT(Visible(std::nullopt), ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(*VisibleDevices({}, std::nullopt), IsEmpty());
}

TEST(VisibleDevicesTest, NumbersInTheirOrder) {
  EXPECT_THAT(Visible("2,0"), ElementsAre("2", "0"));
  EXPECT_THAT(Visible(" 3 , 1"), ElementsAre("3", "1"));
}

TEST(VisibleDevicesTest, UuidsAndTheirBeginnings) {
  EXPECT_THAT(Visible("GPU-cc44,GPU-b"), ElementsAre("GPU-cc44", "GPU-bb33"));
  EXPECT_THAT(Visible("MIG-123"), ElementsAre("MIG-123"));
}

TEST(VisibleDevicesTest, TheListEndsAtTheFirstThatIsNone) {
  EXPECT_THAT(Visible(""), IsEmpty());
  EXPECT_THAT(Visible("-1"), IsEmpty());
  EXPECT_THAT(Visible("1,-1,2"), ElementsAre("1"));
  EXPECT_THAT(Visible("0,7,1"), ElementsAre("0"));
  EXPECT_THAT(Visible("3,none,1"), ElementsAre("3"));
  EXPECT_THAT(Visible("GPU-dd,0"), IsEmpty());
}

TEST(VisibleDevicesTest, RefusesWhatIsNotClear) {
  for (const char* variable : {"1,1", "GPU-cc44,GPU-c", "GPU-aa"}) {
    const auto devices = VisibleDevices(kMachine, variable);
    EXPECT_EQ(devices.status().code(), StatusCode::kInvalid) << variable;
    EXPECT_FALSE(devices.status().cure().empty());
  }
}

TEST(DeviceForRankTest, OneRankOneDevice) {
  const std::vector<std::string> devices = {"GPU-x", "GPU-y"};
  const auto choice = DeviceForRank(devices, 1, 2);
  ASSERT_TRUE(choice.has_value());
  EXPECT_EQ(choice->device, 1);
  EXPECT_EQ(choice->name, "GPU-y");
  EXPECT_EQ(choice->sharers, 1);
  EXPECT_EQ(DeviceForRank({}, 0, 1), std::nullopt);
}

TEST(DeviceForRankTest, MoreRanksTakeTurns) {
  const std::vector<std::string> devices = {"0", "1", "2"};
  std::vector<int> device, sharers;
  for (int rank = 0; rank < 5; ++rank) {
    device.push_back(DeviceForRank(devices, rank, 5)->device);
    sharers.push_back(DeviceForRank(devices, rank, 5)->sharers);
  }
  EXPECT_THAT(device, ElementsAre(0, 1, 2, 0, 1));
  EXPECT_THAT(sharers, ElementsAre(2, 2, 1, 2, 2));
  EXPECT_EQ(DeviceForRank(devices, 0, 1)->sharers, 1);
}

TEST(DevicesForRanksTest, EachRankMayHaveAListOfItsOwn) {
  const auto choices = DevicesForRanks({{"GPU-b"}, {"GPU-a"}, {}, {"GPU-c"}});
  ASSERT_EQ(choices.size(), 4U);
  EXPECT_EQ(choices[0], (DeviceChoice{0, "GPU-b", 1}));
  EXPECT_EQ(choices[1], (DeviceChoice{0, "GPU-a", 1}));
  EXPECT_EQ(choices[2], std::nullopt);
  EXPECT_EQ(choices[3], (DeviceChoice{0, "GPU-c", 1}));
}

TEST(DevicesForRanksTest, ListsMayOverlap) {
  const auto choices = DevicesForRanks(
      {{"0", "1"}, {"0", "1"}, {"1", "2", "3"}, {"3", "2"}, {"3"}});
  std::vector<std::string> names;
  for (const auto& choice : choices) names.push_back(choice->name);
  EXPECT_THAT(names, ElementsAre("0", "1", "2", "3", "3"));
  EXPECT_EQ(choices[2]->device, 1);
  EXPECT_EQ(choices[3], (DeviceChoice{0, "3", 2}));
}

TEST(CheckSharingTest, RefusesMoreRanksOnADeviceThanWereAskedFor) {
  const auto pair = DevicesForRanks({{"0", "1"}, {"0", "1"}});
  EXPECT_TRUE(CheckSharing(pair, 1).ok());
  const auto three = DevicesForRanks({{"0", "1"}, {"0", "1"}, {"0", "1"}});
  EXPECT_TRUE(CheckSharing(three, 2).ok());
  const Status status = CheckSharing(three, 1);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.cause(), HasSubstr("2 of 3 ranks"));
  EXPECT_THAT(status.cause(), HasSubstr("GPU 0"));
  EXPECT_THAT(status.cure(), HasSubstr("CUDA_VISIBLE_DEVICES"));
  // Ranks without a GPU share none.
  EXPECT_TRUE(CheckSharing(DevicesForRanks({{}, {}}), 1).ok());
}

TEST(RanksThatFitTest, LeavesATenthOfTheMemory) {
  constexpr std::int64_t kGigabyte = 1 << 30;
  EXPECT_EQ(RanksThatFit(80 * kGigabyte, 10 * kGigabyte), 7);
  EXPECT_EQ(RanksThatFit(80 * kGigabyte, 73 * kGigabyte), 1);
  EXPECT_EQ(RanksThatFit(80 * kGigabyte, 100 * kGigabyte), 1);
}

TEST(MachineGpusTest, ReadsTheDriversFiles) {
  const Path root = Path(::testing::TempDir()) / "besom_device_map_test";
  std::filesystem::remove_all(root);
  EXPECT_THAT(MachineGpus(root), IsEmpty());
  ASSERT_TRUE(WriteFileAtomic(root / "gpus/0000:41:00.0/information",
                              "Model: \t\t NVIDIA\nGPU UUID: \t GPU-second\n")
                  .ok());
  ASSERT_TRUE(WriteFileAtomic(root / "gpus/0000:01:00.0/information",
                              "GPU UUID: \t GPU-first\nBus Type: \t PCIe\n")
                  .ok());
  EXPECT_THAT(MachineGpus(root), ElementsAre("GPU-first", "GPU-second"));
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace besom::cluster
