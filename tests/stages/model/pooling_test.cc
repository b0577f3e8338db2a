#include "stages/model/pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace besom::stages {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

/// A map whose number at channel c, row y, column x is 100c + 10y + x.
std::vector<float> CountingMap(const MapShape& shape) {
  std::vector<float> map;
  for (int y = 0; y < shape.height; ++y)
    for (int x = 0; x < shape.width; ++x)
      for (int c = 0; c < shape.channels; ++c)
        map.push_back(static_cast<float>(100 * c + 10 * y + x));
  return map;
}

std::vector<float> Pool(Pooling pooling, const MapShape& shape) {
  std::vector<float> row(
      static_cast<std::size_t>(PooledDimension(pooling, shape).value()));
  PoolMap(pooling, shape, CountingMap(shape), row);
  return row;
}

TEST(PoolingTest, AverageAndMaxAreOneNumberAChannel) {
  EXPECT_THAT(Pool(Pooling::kAverage, {2, 3, 3}), ElementsAre(11, 111));
  EXPECT_THAT(Pool(Pooling::kMax, {2, 3, 3}), ElementsAre(22, 122));
}

TEST(PoolingTest, FlattenGoesChannelByChannel) {
  EXPECT_THAT(Pool(Pooling::kFlatten, {2, 2, 2}),
              ElementsAre(0, 1, 10, 11, 100, 101, 110, 111));
}

// 9 x 9: four windows of 4 x 4 a channel; the ninth row and column drop out.
TEST(PoolingTest, Average4DropsTheRemainder) {
  EXPECT_THAT(Pool(Pooling::kAverage4, {2, 9, 9}),
              ElementsAre(16.5, 20.5, 56.5, 60.5, 116.5, 120.5, 156.5, 160.5));
}

// 9 rows and 6 columns: two windows, one above the other.
TEST(PoolingTest, Average4OfAMapThatIsNotSquare) {
  EXPECT_THAT(Pool(Pooling::kAverage4, {2, 9, 6}),
              ElementsAre(16.5, 56.5, 116.5, 156.5));
  EXPECT_THAT(Pool(Pooling::kAverage4, {1, 6, 9}), ElementsAre(16.5, 20.5));
}

TEST(PoolingTest, MaxOfNegativeNumbersIsNegative) {
  std::vector<float> row(1);
  PoolMap(Pooling::kMax, {1, 1, 2}, std::vector<float>{-3, -2}, row);
  EXPECT_THAT(row, Each(-2));
}

TEST(PoolingTest, UnknownNameAndTooSmallMapAreRefused) {
  EXPECT_FALSE(ParsePooling("mean").ok());
  EXPECT_FALSE(PooledDimension(Pooling::kAverage4, {8, 3, 7}).ok());
}

}  // namespace
}  // namespace besom::stages
