#include "stages/model/feature_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

constexpr int kSize = 224;
constexpr std::size_t kNumbers = std::size_t{kSize} * kSize * 3;

std::vector<float> RandomImage(std::uint64_t number) {
  KeyedRandom random(1, "image", {number});
  std::vector<float> image(kNumbers);
  for (float& value : image) value = static_cast<float>(random.Uniform(-2, 2));
  return image;
}

/// Rows of `images` in that order, computed in batches as the engine wants.
std::vector<float> Extract(FeatureEngine& engine,
                           const std::vector<std::vector<float>>& images) {
  const auto width = static_cast<std::size_t>(engine.dimension());
  const auto batch = static_cast<std::size_t>(engine.batch());
  std::vector<float> input(batch * kNumbers, 0.5F);
  std::vector<float> rows(images.size() * width);
  for (std::size_t first = 0; first < images.size(); first += batch) {
    const std::size_t count = std::min(batch, images.size() - first);
    for (std::size_t i = 0; i < count; ++i)
      std::copy(images[first + i].begin(), images[first + i].end(),
                input.begin() + static_cast<std::ptrdiff_t>(i * kNumbers));
    EXPECT_TRUE(
        engine
            .Extract(static_cast<int>(count), input,
                     std::span(rows).subspan(first * width, count * width))
            .ok());
  }
  return rows;
}

std::unique_ptr<FeatureEngine> Make(const std::string& backbone, int threads) {
  // Random weights: what is tested here does not depend on their values.
  auto engine = MakeFeatureEngine({.backbone = backbone,
                                   .pooling = "flatten",
                                   .size = kSize,
                                   .threads = threads});
  EXPECT_TRUE(engine.ok()) << engine.status().ToString();
  return *std::move(engine);
}

class FeatureEngineBitsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(FeatureEngineBitsTest, ARowDependsOnItsImageAlone) {
  const auto one = Make(GetParam(), 1);
  const auto width = static_cast<std::size_t>(one->dimension());
  std::vector<std::vector<float>> images;
  for (std::uint64_t i = 0;
       i < 2 * static_cast<std::uint64_t>(one->batch()) + 1; ++i)
    images.push_back(RandomImage(i));
  const std::vector<float> rows = Extract(*one, images);
  ASSERT_TRUE(
      std::any_of(rows.begin(), rows.end(), [](float x) { return x > 0; }));

  for (const int threads : {2, 3})
    EXPECT_EQ(Extract(*Make(GetParam(), threads), images), rows) << threads;

  std::vector<std::vector<float>> reversed(images.rbegin(), images.rend());
  const std::vector<float> backwards = Extract(*one, reversed);
  const std::vector<float> alone = Extract(*one, {images[1]});
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(),
                         rows.begin() + static_cast<std::ptrdiff_t>(width)));
  for (std::size_t i = 0; i < images.size(); ++i)
    EXPECT_EQ(std::memcmp(rows.data() + i * width,
                          backwards.data() + (images.size() - 1 - i) * width,
                          width * sizeof(float)),
              0)
        << "image " << i;
}

INSTANTIATE_TEST_SUITE_P(AllBuilt, FeatureEngineBitsTest,
                         ::testing::Values("vgg16", "efficientnet_lite0"));

TEST(FeatureEngineTest, RefusesWhatIsNotBuilt) {
  const auto code = [](const EngineSpec& spec) {
    return MakeFeatureEngine(spec).status().code();
  };
  EXPECT_EQ(code({.backbone = "resnet18", .size = 224}), StatusCode::kInvalid);
  EXPECT_EQ(code({.backbone = "vgg16", .precision = "bf16", .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(code({.backbone = "vgg16", .cut = "block9", .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(code({.backbone = "vgg16", .device = "tpu", .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(code({.backbone = "vgg16", .size = 16}), StatusCode::kInvalid);
}

TEST(FeatureEngineTest, MissingOrForeignWeightsAreAnError) {
  EXPECT_FALSE(MakeFeatureEngine({.backbone = "vgg16",
                                  .weights = "/nowhere/vgg16.safetensors",
                                  .size = 224})
                   .ok());
}

}  // namespace
}  // namespace besom::stages
