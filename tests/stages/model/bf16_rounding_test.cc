#include "stages/model/bf16_rounding.h"

#include <gtest/gtest.h>

namespace besom::stages {
namespace {

TEST(Bf16RoundingTest, RoundsToTheNearestTiesToEven) {
  EXPECT_EQ(ToBf16(1.0F), 1.0F);
  EXPECT_EQ(ToBf16(-0.0F), 0.0F);
  constexpr float kStep = 0x1p-7F;  // Between 1 and 2.
  EXPECT_EQ(ToBf16(1 + 0.4F * kStep), 1.0F);
  EXPECT_EQ(ToBf16(1 + 0.6F * kStep), 1 + kStep);
  EXPECT_EQ(ToBf16(1 + 0.5F * kStep), 1.0F);
  EXPECT_EQ(ToBf16(1 + 1.5F * kStep), 1 + 2 * kStep);
  EXPECT_EQ(ToBf16(-1 - 0.6F * kStep), -1 - kStep);
}

/// A layer of two channels whose mean is known, and a 1x1 convolution of it.
FoldedNetwork Network(std::vector<double> mean) {
  FoldedLayer source{
      .layer = {.inputs = {Layer::kImage}}, .weight = {1.001F}, .bias = {0}};
  source.mean = std::move(mean);
  source.layer.in_channels = source.layer.out_channels = 1;
  FoldedLayer conv{
      .layer = {.inputs = {0}}, .weight = {1.001F, -1.001F}, .bias = {0.25F}};
  conv.layer.in_channels = 2;
  conv.layer.out_channels = 1;
  return {.layers = {source, conv}};
}

TEST(Bf16RoundingTest, TheOutputsMeanStays) {
  FoldedNetwork network = Network({6, 2});
  RoundToBf16(network, 1);
  EXPECT_EQ(network.layers[0].weight, std::vector<float>{1.001F});
  const FoldedLayer& conv = network.layers[1];
  EXPECT_EQ(conv.weight, (std::vector<float>{1, -1}));
  EXPECT_NEAR(conv.bias[0] + 6 - 2, 0.25 + 1.001 * 6 - 1.001 * 2, 1e-6);
}

TEST(Bf16RoundingTest, WithoutAMeanTheBiasStays) {
  FoldedNetwork network = Network({});
  RoundToBf16(network, 0);
  EXPECT_EQ(network.layers[0].weight, std::vector<float>{1});
  EXPECT_EQ(network.layers[1].bias, std::vector<float>{0.25F});
}

}  // namespace
}  // namespace besom::stages
