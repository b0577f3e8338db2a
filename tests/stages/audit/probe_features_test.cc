#include "stages/audit/probe_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "stages/data/phantom.h"
#include "stages/data/phantom_spec.h"

namespace besom::stages {
namespace {

using ::testing::Each;
using ::testing::FloatEq;

std::vector<std::uint8_t> Draw(const PhantomSpec& spec) {
  int width = 0, height = 0;
  return RenderPhantom(GeneratorOf(spec), &width, &height).value();
}

/// The largest difference of two rings, in grey values of 255.
double Distance(const PhantomSpec& a, const PhantomSpec& b) {
  const std::vector<float> one = RingOf(Draw(a), a.size),
                           two = RingOf(Draw(b), b.size);
  double most = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    most = std::max(most, 255.0 * std::abs(one[i] - two[i]));
  return most;
}

TEST(ProbeFeaturesTest, CellsKnowTheMeanAndTheBrightestOfTheirPixels) {
  // 5 pixels in 2 cells: 3 and 2 a side.
  std::vector<std::uint8_t> pixels(25, 0);
  for (int y = 0; y < 5; ++y)
    for (int x = 3; x < 5; ++x) pixels[y * 5 + x] = 255;
  pixels[0] = 255;
  const GridCells cells = CellsOf(pixels, 5, 2);
  EXPECT_THAT(
      cells.mean,
      ::testing::Pointwise(FloatEq(), std::vector<float>{1.0F / 9, 1, 0, 1}));
  EXPECT_THAT(cells.brightest, ::testing::ElementsAre(1, 1, 0, 1));
}

TEST(ProbeFeaturesTest, ColoursCountByTheirLuma) {
  const std::vector<std::uint8_t> green = {0, 255, 0};
  EXPECT_FLOAT_EQ(CellsOf(green, 1, 1).mean[0], 0.587F);
}

TEST(ProbeFeaturesTest, TheRingIsTheBorderAndNotTheMiddle) {
  const int size = 64;
  std::vector<std::uint8_t> pixels(size * size, 100);
  for (int y = 8; y < size - 8; ++y)
    for (int x = 4; x < size - 4; ++x)
      pixels[y * size + x] = pixels[x * size + y] = 0;
  // What is left: 4 pixels at each side, and 8 x 8 in the corners.
  const std::vector<float> ring = RingOf(pixels, size);
  EXPECT_EQ(ring.size(), 512u);
  EXPECT_THAT(ring, Each(FloatEq(100.0F / 255)));
}

// The finding makes the class, so a clean phantom's border must not hold it.
TEST(ProbeFeaturesTest, ARingOfAPhantomHoldsNoFinding) {
  int touched = 0;
  for (int patient = 0; patient < 40; ++patient) {
    PhantomSpec clear;
    clear.patient = patient;
    clear.difficulty = 0;
    for (const auto kind : {PhantomKind::kConsolidation, PhantomKind::kHazy}) {
      PhantomSpec ill = clear;
      ill.kind = kind;
      touched += Distance(clear, ill) > 12 ? 1 : 0;
    }
  }
  EXPECT_LE(touched, 8);  // Of 80, with the strongest findings there are.
}

TEST(ProbeFeaturesTest, ARingSeesAPlantedMarkerAtAnySize) {
  for (const int size : {64, 100, 224, 256, 512})
    for (int patient = 0; patient < 5; ++patient) {
      PhantomSpec plain, marked;
      plain.size = marked.size = size;
      plain.patient = marked.patient = patient;
      marked.planted = true;
      EXPECT_GT(Distance(plain, marked), 40) << size;
    }
}

}  // namespace
}  // namespace besom::stages
