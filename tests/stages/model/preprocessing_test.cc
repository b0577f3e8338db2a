#include "stages/model/preprocessing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

std::vector<float> Fill(const Preprocessing& preprocessing, int channels,
                        const std::vector<std::uint8_t>& pixels) {
  std::vector<float> input(pixels.size() / channels * 3);
  InputFiller(preprocessing).Fill(pixels, channels, input);
  return input;
}

// Pixel (R, G, B) = (255, 0, 51); expected values by hand.
TEST(PreprocessingTest, ColourPixelInEveryConvention) {
  const std::vector<std::uint8_t> pixel = {255, 0, 51};
  EXPECT_THAT(Fill(Preprocessing::Unit(), 3, pixel),
              ElementsAre(FloatEq(1), FloatEq(0), FloatEq(0.2F)));
  EXPECT_THAT(Fill(Preprocessing::PlusMinusOne(), 3, pixel),
              ElementsAre(FloatEq(1), FloatEq(-1), FloatEq(-0.6F)));
  EXPECT_THAT(Fill(Preprocessing::Caffe(), 3, pixel),
              ElementsAre(FloatEq(51 - 103.939F), FloatEq(-116.779F),
                          FloatEq(255 - 123.68F)));
  EXPECT_THAT(Fill(Preprocessing::Torchvision(), 3, pixel),
              ElementsAre(FloatEq(2.2489083F), FloatEq(-2.0357144F),
                          FloatEq(-0.9155555F)));
}

TEST(PreprocessingTest, GreyPixelStandsForAllThreeChannels) {
  EXPECT_EQ(Fill(Preprocessing::Caffe(), 1, {7, 200}),
            Fill(Preprocessing::Caffe(), 3, {7, 7, 7, 200, 200, 200}));
}

TEST(PreprocessingTest, NothingIsWrittenBehindTheLastPixel) {
  const std::vector<std::uint8_t> pixels = {7, 200};
  std::vector<float> input(7, -5);
  InputFiller(Preprocessing::Unit()).Fill(pixels, 1, std::span(input).first(6));
  EXPECT_EQ(input.back(), -5);
  EXPECT_EQ(input[5], 200 / 255.0F);
}

TEST(PreprocessingTest, LevelsChangeBeforeTheFiller) {
  std::array<std::uint8_t, 256> levels;
  for (std::size_t level = 0; level < 256; ++level)
    levels[level] = static_cast<std::uint8_t>(255 - level);
  const InputFiller filler(Preprocessing::Caffe());
  for (const int channels : {1, 3}) {
    const std::vector<std::uint8_t> pixels = {7, 0, 200};
    std::vector<float> input(pixels.size() / channels * 3);
    filler.After(levels).Fill(pixels, channels, input);
    EXPECT_EQ(input, Fill(Preprocessing::Caffe(), channels, {248, 255, 55}));
  }
}

TEST(PreprocessingTest, JsonReadsBackEqual) {
  for (const Preprocessing& preprocessing :
       {Preprocessing::Unit(), Preprocessing::Caffe(),
        Preprocessing::Torchvision(), Preprocessing::PlusMinusOne()})
    EXPECT_EQ(Preprocessing::FromJson(preprocessing.ToJson()).value(),
              preprocessing);
}

TEST(PreprocessingTest, WeightsMeansWhatTheWeightsWant) {
  EXPECT_EQ(ResolvePreprocessing("weights", Preprocessing::Caffe()).value(),
            Preprocessing::Caffe());
  EXPECT_EQ(ResolvePreprocessing("unit", Preprocessing::Caffe()).value(),
            Preprocessing::Unit());
}

TEST(PreprocessingTest, BadSettingsAreRefusedWithACure) {
  for (const char* text :
       {R"("weightz")", "3", R"({"mean": [1, 2]})", R"({"std": [0, 1, 1]})",
        R"({"order": "grb"})", R"({"range": 0})", R"({"range": "255"})",
        R"({"means": [0, 0, 0]})", R"({"mean": ["a", 1, 2]})"}) {
    const auto parsed = Preprocessing::FromJson(Json::parse(text));
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.status().code(), StatusCode::kInvalid) << text;
    EXPECT_THAT(parsed.status().cure(), HasSubstr("mean")) << text;
  }
}

}  // namespace
}  // namespace besom::stages
