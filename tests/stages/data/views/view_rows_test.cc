#include "stages/data/view_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <string>
#include <vector>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using Fill = AugmentSettings::Fill;
using Pixels = std::vector<std::uint8_t>;

Pixels Noise(int size, int channels, std::uint64_t number) {
  KeyedRandom random(number, "noise");
  Pixels pixels(static_cast<std::size_t>(size) * size * channels);
  for (std::uint8_t& pixel : pixels)
    pixel = static_cast<std::uint8_t>(random.Next32());
  return pixels;
}

/// Any turn, also one by whole quarters, which moves along rows or columns.
View AnyView(KeyedRandom& random) {
  View view;
  view.rotation = random.Uniform() < 0.2
                      ? 90.0 * std::floor(random.Uniform(-2, 3))
                      : random.Uniform(-180, 180);
  view.shift_x = random.Uniform(-0.6, 0.6);
  view.shift_y = random.Uniform() < 0.3 ? 0 : random.Uniform(-0.6, 0.6);
  view.scale = random.Uniform() < 0.3 ? 1 : random.Uniform(0.05, 1.95);
  view.flip = random.Uniform() < 0.5;
  return view;
}

/// A pixel of a picture without an edge.
double PixelAt(const Pixels& pixels, int size, int channels, int column,
               int row, int channel, Fill fill) {
  const auto inside = [&](int at) {
    if (fill != Fill::kReflect) return std::clamp(at, 0, size - 1);
    while (at < 0 || at >= size) at = at < 0 ? -1 - at : 2 * size - 1 - at;
    return at;
  };
  return pixels[static_cast<std::size_t>(
      (inside(row) * size + inside(column)) * channels + channel)];
}

/// What a view is by definition, in floating point: where output pixel
/// (column, row) comes from, and the blend of the four pixels around it.
/// Negative where black is beyond the edge, 1e9 where that is decided by a
/// rounding.
double ByDefinition(const Pixels& pixels, int size, int channels,
                    const View& view, Fill fill, int column, int row,
                    int channel) {
  const double angle = view.rotation * std::numbers::pi / 180;
  const double right = column + 0.5 - size / 2.0 - view.shift_x * size;
  const double down = row + 0.5 - size / 2.0 - view.shift_y * size;
  double x = (std::cos(angle) * right - std::sin(angle) * down) / view.scale;
  const double y =
      (std::sin(angle) * right + std::cos(angle) * down) / view.scale +
      size / 2.0 - 0.5;
  x = (view.flip ? -x : x) + size / 2.0 - 0.5;
  if (fill == Fill::kBlack) {
    const double out = std::max(std::abs(x - size / 2.0 + 0.5),
                                std::abs(y - size / 2.0 + 0.5)) -
                       size / 2.0;
    if (std::abs(out) < 1e-5) return 1e9;
    if (out > 0) return -1;
  }
  const int left = static_cast<int>(std::floor(x));
  const int top = static_cast<int>(std::floor(y));
  const auto at = [&](int dx, int dy) {
    return PixelAt(pixels, size, channels, left + dx, top + dy, channel, fill);
  };
  const double u = x - left, v = y - top;
  return (at(0, 0) * (1 - u) + at(1, 0) * u) * (1 - v) +
         (at(0, 1) * (1 - u) + at(1, 1) * u) * v;
}

/// The most levels by which a view is off its definition.
double FarthestOff(const Pixels& pixels, int size, int channels,
                   const View& view, Fill fill) {
  const Pixels drawn = RenderView(pixels, size, channels, view, fill);
  double farthest = 0;
  std::size_t at = 0;
  for (int row = 0; row < size; ++row)
    for (int column = 0; column < size; ++column)
      for (int channel = 0; channel < channels; ++channel) {
        const double wanted = ByDefinition(pixels, size, channels, view, fill,
                                           column, row, channel);
        const double off = std::abs(std::max(wanted, 0.0) - drawn[at++]);
        if (wanted < 1e8) farthest = std::max(farthest, off);
      }
  return farthest;
}

TEST(ViewRowsTest, EveryPixelIsTheOneOfTheDefinition) {
  KeyedRandom random(1, "views");
  for (int i = 0; i < 600; ++i) {
    const int size = 1 + static_cast<int>(random.Next32() % 40);
    const int channels = i % 2 == 0 ? 1 : 3;
    const View view = AnyView(random);
    for (const Fill fill : {Fill::kNearest, Fill::kBlack, Fill::kReflect})
      // Weights of 8 digits are off by less than 1/256 of 255 on each axis.
      ASSERT_LE(
          FarthestOff(Noise(size, channels, i), size, channels, view, fill),
          2.5)
          << size << " " << channels << " " << view.ToJson();
  }
}

/// 1 2 3 / 4 5 6 / 7 8 9.
const Pixels kNine = {1, 2, 3, 4, 5, 6, 7, 8, 9};

TEST(ViewRowsTest, WholePixelsMoveAsTheyAre) {
  const auto shown = [](const View& view, Fill fill) {
    return RenderView(kNine, 3, 1, view, fill);
  };
  const View right{.shift_x = 1.0 / 3};
  EXPECT_THAT(shown(right, Fill::kNearest),
              ElementsAre(1, 1, 2, 4, 4, 5, 7, 7, 8));
  EXPECT_THAT(shown(right, Fill::kBlack),
              ElementsAre(0, 1, 2, 0, 4, 5, 0, 7, 8));
  const View up{.shift_y = -2.0 / 3};
  EXPECT_THAT(shown(up, Fill::kReflect),
              ElementsAre(7, 8, 9, 7, 8, 9, 4, 5, 6));
  EXPECT_THAT(shown({.rotation = 90}, Fill::kBlack),
              ElementsAre(3, 6, 9, 2, 5, 8, 1, 4, 7));
  EXPECT_THAT(shown({.flip = true}, Fill::kBlack),
              ElementsAre(3, 2, 1, 6, 5, 4, 9, 8, 7));
}

TEST(ViewRowsTest, RowsArePartsOfTheWholeView) {
  constexpr int kSize = 21;
  const Pixels pixels = Noise(kSize, 3, 5);
  const View view{.rotation = 20, .scale = 0.9};
  const ViewRows rows(pixels, kSize, 3, view, Fill::kReflect);
  Pixels joined, space(kSize * 3);
  for (int row = 0; row < kSize; ++row) {
    const auto drawn = rows.Row(row, space);
    joined.insert(joined.end(), drawn.begin(), drawn.end());
  }
  EXPECT_EQ(joined, RenderView(pixels, kSize, 3, view, Fill::kReflect));
  EXPECT_FALSE(rows.changes_levels());
}

TEST(ViewRowsTest, WhatDoesNotMoveIsNotCopied) {
  const View brighter{.brightness = 0.1};
  const ViewRows rows(kNine, 3, 1, brighter, Fill::kBlack);
  EXPECT_EQ(rows.Row(2, {}).data(), kNine.data() + 6);
  EXPECT_TRUE(rows.changes_levels());
  EXPECT_EQ(rows.levels()[5], 31);  // 5 + 25.5, away from zero.
  EXPECT_EQ(rows.levels()[250], 255);
  EXPECT_EQ(RenderView(kNine, 3, 1, brighter, Fill::kBlack).front(), 27);
}

TEST(ViewRowsTest, LevelsChangeAfterTheMove) {
  const View view{.rotation = 30, .brightness = -0.2, .contrast = 1.5};
  const View moved{.rotation = 30};
  const Pixels pixels = Noise(16, 1, 9);
  const ViewRows rows(pixels, 16, 1, view, Fill::kNearest);
  Pixels expected = RenderView(pixels, 16, 1, moved, Fill::kNearest);
  for (std::uint8_t& pixel : expected) pixel = rows.levels()[pixel];
  EXPECT_EQ(RenderView(pixels, 16, 1, view, Fill::kNearest), expected);
}

}  // namespace
}  // namespace besom::stages
