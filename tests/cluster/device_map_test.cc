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

std::vector<std::vector<std::string>> SameForAll(
    std::size_t ranks, const std::vector<std::string>& devices) {
  return std::vector(ranks, devices);
}

TEST(DevicesForRanksTest, OneRankOneDevice) {
  const auto choices = DevicesForRanks(SameForAll(2, {"GPU-x", "GPU-y"}));
  EXPECT_THAT(choices, ElementsAre(DeviceChoice{0, "GPU-x", 1},
                                   DeviceChoice{1, "GPU-y", 1}));
  EXPECT_THAT(DevicesForRanks(SameForAll(1, {})), ElementsAre(std::nullopt));
}

TEST(DevicesForRanksTest, MoreRanksTakeTurns) {
  std::vector<int> device, sharers;
  for (const auto& choice : DevicesForRanks(SameForAll(5, {"0", "1", "2"}))) {
    device.push_back(choice->device);
    sharers.push_back(choice->sharers);
  }
  EXPECT_THAT(device, ElementsAre(0, 1, 2, 0, 1));
  EXPECT_THAT(sharers, ElementsAre(2, 2, 1, 2, 2));
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

TEST(VisibleGpusTest, KnowTheirModels) {
  const std::vector<Gpu> machine = {{"GPU-aa", "H100"}, {"GPU-bb", "L4"}};
  EXPECT_THAT(*VisibleGpus(machine, std::nullopt),
              ElementsAre(machine[0], machine[1]));
  EXPECT_THAT(*VisibleGpus(machine, "1"), ElementsAre(machine[1]));
  EXPECT_THAT(*VisibleGpus(machine, "GPU-b,0"),
              ElementsAre(machine[1], machine[0]));
  EXPECT_THAT(*VisibleGpus(machine, "MIG-7"),
              ElementsAre(Gpu{"MIG-7", "H100"}));
  EXPECT_THAT(*VisibleGpus({}, std::nullopt), IsEmpty());
  EXPECT_FALSE(VisibleGpus(machine, "0,0").ok());
}

TEST(MachineGpusTest, ReadsTheDriversFiles) {
  const Path root = Path(::testing::TempDir()) / "besom_device_map_test";
  std::filesystem::remove_all(root);
  EXPECT_THAT(MachineGpus(root), IsEmpty());
  ASSERT_TRUE(
      WriteFileAtomic(root / "gpus/0000:41:00.0/information",
                      "Model: \t\t NVIDIA X 9\nGPU UUID: \t GPU-second\n")
          .ok());
  ASSERT_TRUE(WriteFileAtomic(root / "gpus/0000:01:00.0/information",
                              "GPU UUID: \t GPU-first\nBus Type: \t PCIe\n")
                  .ok());
  EXPECT_THAT(MachineGpus(root), ElementsAre(Gpu{"GPU-first", ""},
                                             Gpu{"GPU-second", "NVIDIA X 9"}));
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace besom::cluster
