// Needs a GPU; registered only where the machine has one (label gpu).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "pipeline/base/random.h"
#include "stages/model/feature_engine.h"

namespace besom::stages {
namespace {

constexpr int kSize = 224;

/// Rows of the same two images on `device`.
std::vector<float> RowsOn(const char* backbone, const char* device) {
  auto made = MakeFeatureEngine(
      {.backbone = backbone, .device = device, .size = kSize});
  EXPECT_TRUE(made.ok()) << made.status().ToString();
  if (!made.ok()) return {};
  FeatureEngine& engine = **made;
  constexpr int kImages = 2;
  std::vector<float> input(static_cast<std::size_t>(engine.batch()) *
                           engine.image_numbers());
  KeyedRandom random(1, "image");
  for (std::size_t i = 0; i < kImages * engine.image_numbers(); ++i)
    input[i] = static_cast<float>(random.Uniform(-2, 2));
  std::vector<float> rows(kImages *
                          static_cast<std::size_t>(engine.dimension()));
  const Status status = engine.Extract(kImages, input, rows);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return rows;
}

class FeatureEngineGpuTest : public ::testing::TestWithParam<const char*> {};

TEST_P(FeatureEngineGpuTest, AgreesWithTheCpuAndWithItself) {
  const std::vector<float> cpu = RowsOn(GetParam(), "cpu");
  const std::vector<float> gpu = RowsOn(GetParam(), "cuda:0");
  ASSERT_EQ(gpu.size(), cpu.size());
  EXPECT_EQ(RowsOn(GetParam(), "cuda:0"), gpu);
  float largest = 0, difference = 0;
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    largest = std::max(largest, std::abs(cpu[i]));
    difference = std::max(difference, std::abs(cpu[i] - gpu[i]));
  }
  EXPECT_LT(difference, 1e-4 * largest);
}

INSTANTIATE_TEST_SUITE_P(AllBuilt, FeatureEngineGpuTest,
                         ::testing::Values("vgg16", "efficientnet_lite0"));

// What ranks that share a GPU are told apart by.
TEST(FeatureEngineGpuMemoryTest, IsMeasuredAndGivenBackWithTheEngine) {
  const auto make = [](const char* backbone) {
    return MakeFeatureEngine(
               {.backbone = backbone, .device = "cuda:0", .size = kSize})
        .value();
  };
  const auto run = [](FeatureEngine& engine) {
    const auto batch = static_cast<std::size_t>(engine.batch());
    std::vector<float> input(batch * engine.image_numbers(), 0.5F);
    std::vector<float> rows(batch *
                            static_cast<std::size_t>(engine.dimension()));
    ASSERT_TRUE(engine.Extract(engine.batch(), input, rows).ok());
  };
  auto small = make("efficientnet_lite0");
  run(*small);
  const DeviceMemory little = small->Memory();
  small.reset();
  auto large = make("vgg16");
  run(*large);
  const DeviceMemory much = large->Memory();
  EXPECT_GT(little.peak, 0);
  EXPECT_GT(much.peak, little.peak);
  EXPECT_GT(much.total, much.peak);
  large.reset();
  // The peak of the large one does not count for the next one.
  small = make("efficientnet_lite0");
  run(*small);
  EXPECT_LT(small->Memory().peak, much.peak);
}

}  // namespace
}  // namespace besom::stages
