#include "stages/model/look/heat_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::stages {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

TEST(HeatMapTest, EnlargingIsPytorchsInterpolate) {
  // torch.nn.functional.interpolate(torch.tensor([[[[0., 1.], [2., 4.]]]]),
  //                                 (3, 3), mode="bilinear")
  const HeatMap large = Enlarge({2, 2, {0, 1, 2, 4}}, 3);
  EXPECT_EQ(large.rows, 3);
  EXPECT_THAT(large.values, Pointwise(testing::FloatNear(1e-6F),
                                      {0.0F, 0.5F, 1.0F, 1.0F, 1.75F, 2.5F,
                                       2.0F, 3.0F, 4.0F}));
}

TEST(HeatMapTest, OnePositionIsEverywhere) {
  EXPECT_THAT(Enlarge({1, 1, {3}}, 2).values, ElementsAre(3, 3, 3, 3));
}

TEST(HeatMapTest, ColoursGoFromDarkToBright) {
  EXPECT_EQ(HeatColor(-1), (Canvas::Color{0, 0, 4}));
  EXPECT_EQ(HeatColor(0.25), (Canvas::Color{87, 16, 110}));
  EXPECT_EQ(HeatColor(2), (Canvas::Color{252, 255, 164}));
  int before = 0;
  for (int i = 0; i <= 20; ++i) {
    const Canvas::Color color = HeatColor(i / 20.0);
    const int sum = color[0] + color[1] + color[2];
    EXPECT_GT(sum, before) << i;
    before = sum;
  }
}

TEST(HeatMapTest, AMapWithoutAnythingIsDrawn) {
  const SheetTile picture{std::vector<std::uint8_t>(9, 100), 3, 1};
  for (const float value : {0.0F, -1.0F})
    EXPECT_TRUE(DrawHeatMap(picture, {1, 1, {value}}, "none").ok());
}

}  // namespace
}  // namespace besom::stages
