#include "stages/data/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/stages/data/ingest/tiny_images.h"

namespace besom::stages {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

DecodedImage ImageOf(int width, int height, int channels) {
  return {width, height, channels, channels == 1 ? "L" : "RGB",
          besom::testing::Pattern(width, height, channels)};
}

TEST(ResizeTest, SameSizeChangesNothing) {
  for (const auto mode :
       {ResizeMode::kStretch, ResizeMode::kCrop, ResizeMode::kPad}) {
    const DecodedImage image = ImageOf(9, 9, 3);
    EXPECT_THAT(ResizeImage(image, {9, mode, Interpolation::kBicubic}),
                ElementsAreArray(image.pixels));
  }
}

TEST(ResizeTest, AFlatImageStaysFlatEvenWithNegativeWeights) {
  for (const std::uint8_t value : {0, 77, 255}) {
    DecodedImage image = ImageOf(13, 7, 1);
    image.pixels.assign(13 * 7, value);
    for (const int size : {1, 5, 40})
      EXPECT_THAT(ResizeImage(image, {size, ResizeMode::kStretch,
                                      Interpolation::kBicubic}),
                  Each(value));
  }
}

// Halving with the triangle filter: weights 1/8, 3/8, 3/8, 1/8 inside.
TEST(ResizeTest, ShrinkingAntialiases) {
  const DecodedImage image{8, 1, 1, "L", {0, 0, 0, 255, 0, 0, 0, 0}};
  DecodedImage square = image;
  square.height = 4;
  square.pixels.clear();
  for (int y = 0; y < 4; ++y)
    square.pixels.insert(square.pixels.end(), image.pixels.begin(),
                         image.pixels.end());
  const auto pixels =
      ResizeImage(square, {4, ResizeMode::kStretch, Interpolation::kBilinear});
  EXPECT_THAT(std::vector(pixels.begin(), pixels.begin() + 4),
              ElementsAre(0, 96, 32, 0));
}

TEST(ResizeTest, CropTakesTheCentreOfTheLongSide) {
  const DecodedImage wide{5, 1, 1, "L", {10, 20, 30, 40, 50}};
  EXPECT_THAT(
      ResizeImage(wide, {1, ResizeMode::kCrop, Interpolation::kBilinear}),
      ElementsAre(30));
}

TEST(ResizeTest, PadIsBlackAround) {
  const DecodedImage wide{4, 2, 1, "L", {9, 9, 9, 9, 9, 9, 9, 9}};
  EXPECT_THAT(
      ResizeImage(wide, {4, ResizeMode::kPad, Interpolation::kBilinear}),
      ElementsAre(0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0));
}

TEST(ResizeTest, ExtremeShapesKeepAPixel) {
  const DecodedImage thread = ImageOf(65535, 1, 1);
  for (const auto mode :
       {ResizeMode::kStretch, ResizeMode::kCrop, ResizeMode::kPad})
    EXPECT_EQ(ResizeImage(thread, {64, mode, Interpolation::kBicubic}).size(),
              64u * 64u);
}

TEST(ResizeTest, UnknownWordsAreRefusedWithTheKnownOnes) {
  const auto mode = ParseResizeMode("squash");
  EXPECT_EQ(mode.status().code(), StatusCode::kInvalid);
  EXPECT_THAT(mode.status().ToString(), HasSubstr("stretch, crop, pad"));
  EXPECT_FALSE(ParseInterpolation("nearest").ok());
  EXPECT_FALSE(ParseBitDepthRange("").ok());
  EXPECT_EQ(*ParseResizeMode("pad"), ResizeMode::kPad);
  EXPECT_EQ(*ParseInterpolation("bicubic"), Interpolation::kBicubic);
  EXPECT_EQ(*ParseBitDepthRange("percentile"), BitDepthRange::kPercentile);
}

}  // namespace
}  // namespace besom::stages
