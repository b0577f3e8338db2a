#include "stages/model/look/occlusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::stages {
namespace {

/// Side 4, black but for one bright pixel; the classifier's first class is as
/// likely as that pixel's red is bright.
constexpr int kSide = 4;
constexpr std::size_t kBright = 1 * kSide + 2;  // Row 1, column 2.

std::vector<std::uint8_t> Image() {
  std::vector<std::uint8_t> image(3 * kSide * kSide, 0);
  image[kBright] = 255;
  return image;
}

Result<std::vector<double>> BrightnessOf(std::span<const std::uint8_t> images,
                                         int count) {
  std::vector<double> shares;
  for (int i = 0; i < count; ++i) {
    const double share =
        images[static_cast<std::size_t>(i) * 3 * kSide * kSide + kBright] /
        255.0;
    shares.insert(shares.end(), {share, 1 - share});
  }
  return shares;
}

TEST(OcclusionTest, ThePatchOverWhatCountsLowersTheProbability) {
  const auto found = Occlude(BrightnessOf, Image(), kSide, {2, 2}, -1);
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(found->target, 0);
  EXPECT_EQ(found->probabilities, (std::vector<double>{1, 0}));
  // Middles of 2 x 2 cells; the grey of 128 leaves about a half.
  EXPECT_EQ(found->map.rows, 2);
  const float fall = 1 - 128 / 255.0F;
  EXPECT_THAT(found->map.values, testing::Pointwise(testing::FloatNear(1e-6F),
                                                    {0.0F, fall, 0.0F, 0.0F}));
}

TEST(OcclusionTest, OfTheOtherClassItRaisesIt) {
  const auto found = Occlude(BrightnessOf, Image(), kSide, {2, 2}, 1);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->target, 1);
  EXPECT_LT(found->map.values[1], -0.4F);
}

TEST(OcclusionTest, PatchesMayOverlapAndAreCutOffAtTheEdges) {
  int most = 0;
  const auto classify = [&](std::span<const std::uint8_t> images, int count) {
    for (int i = 0; i < count; ++i) {
      const auto image = images.subspan(
          static_cast<std::size_t>(i) * 3 * kSide * kSide, 3 * kSide * kSide);
      most = std::max(most, static_cast<int>(std::ranges::count(image, 128)));
    }
    return BrightnessOf(images, count);
  };
  const auto found = Occlude(classify, Image(), kSide, {3, 1}, 0);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->map.values.size(), 16u);
  EXPECT_EQ(most, 27);  // 3 x 3 pixels of three channels.
}

TEST(OcclusionTest, WhatTheClassifierSaysIsPassedOn) {
  const auto found = Occlude(
      [](std::span<const std::uint8_t>, int) -> Result<std::vector<double>> {
        return InvalidError("network", "broken");
      },
      Image(), kSide, {2, 2}, 0);
  EXPECT_EQ(found.status().code(), StatusCode::kInvalid);
}

}  // namespace
}  // namespace besom::stages
