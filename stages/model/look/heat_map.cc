#include "stages/model/look/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace besom::stages {
namespace {

constexpr int kMargin = 8, kBarWidth = 14, kLabels = 10;
/// Smaller pictures are drawn with their pixels repeated.
constexpr int kSmallestSide = 224;
/// Of the map's colour in a pixel; the rest is the picture's.
constexpr double kShare = 0.5;

/// Where a position of the enlarged map lies between two of the small one's.
struct Between {
  Between(int at, int side, int count) {
    const double place = std::max(0.0, (at + 0.5) * count / side - 0.5);
    first = std::min(static_cast<int>(place), count - 1);
    second = std::min(first + 1, count - 1);
    weight = static_cast<float>(place - first);
  }
  int first, second;
  float weight;  ///< Of the second.
};

Canvas::Color Mixed(const SheetTile& picture, int x, int y,
                    const Canvas::Color& color) {
  Canvas::Color mixed{};
  for (std::size_t c = 0; c < mixed.size(); ++c) {
    const std::size_t channel = picture.channels == 3 ? c : 0;
    const double pixel =
        picture.pixels[(static_cast<std::size_t>(y) * picture.size + x) *
                           picture.channels +
                       channel];
    mixed[c] = static_cast<std::uint8_t>(
        std::lround((1 - kShare) * pixel + kShare * color[c]));
  }
  return mixed;
}

}  // namespace

HeatMap Enlarge(const HeatMap& map, int side) {
  HeatMap large{side, side, {}};
  large.values.reserve(static_cast<std::size_t>(side) * side);
  for (int y = 0; y < side; ++y) {
    const Between row(y, side, map.rows);
    for (int x = 0; x < side; ++x) {
      const Between column(x, side, map.columns);
      const auto along = [&](int r) {
        const float* values =
            map.values.data() + static_cast<std::size_t>(r) * map.columns;
        return values[column.first] * (1 - column.weight) +
               values[column.second] * column.weight;
      };
      large.values.push_back(along(row.first) * (1 - row.weight) +
                             along(row.second) * row.weight);
    }
  }
  return large;
}

Canvas::Color HeatColor(double share) {
  static constexpr Canvas::Color kStops[] = {
      {0, 0, 4}, {87, 16, 110}, {188, 55, 84}, {249, 142, 9}, {252, 255, 164}};
  constexpr int kSteps = static_cast<int>(std::size(kStops)) - 1;
  const double place = std::clamp(share, 0.0, 1.0) * kSteps;
  const int first = std::min(static_cast<int>(place), kSteps - 1);
  Canvas::Color color{};
  for (std::size_t c = 0; c < color.size(); ++c)
    color[c] = static_cast<std::uint8_t>(
        std::lround(kStops[first][c] + (place - first) * (kStops[first + 1][c] -
                                                          kStops[first][c])));
  return color;
}

Result<std::string> DrawHeatMap(const SheetTile& picture, const HeatMap& map,
                                const std::string& caption) {
  const int times = std::max(1, (kSmallestSide - 1) / picture.size + 1);
  const int side = picture.size * times;
  const HeatMap large = Enlarge(map, picture.size);
  const float most = std::max(0.0F, std::ranges::max(map.values));
  const int overlay = 2 * kMargin + side, bar = overlay + side + kMargin;
  Canvas page(bar + kBarWidth + kMargin + kLabels * Canvas::kLetterWidth,
              side + 3 * kMargin + Canvas::kLetterHeight);
  page.Draw(kMargin, kMargin, side, picture);
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const int row = y / times, column = x / times;
      const float value =
          large.values[static_cast<std::size_t>(row) * picture.size + column];
      page.Set(
          overlay + x, kMargin + y,
          Mixed(picture, column, row, HeatColor(most > 0 ? value / most : 0)));
    }
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < kBarWidth; ++x)
      page.Set(bar + x, kMargin + y,
               HeatColor(1 - static_cast<double>(y) / (side - 1)));
  const int labels = bar + kBarWidth + kMargin / 2;
  page.Write(labels, kMargin, fmt::format("{:.3g}", most));
  page.Write(labels, kMargin + side - Canvas::kLetterHeight, "0");
  page.Write(kMargin, 2 * kMargin + side, caption);
  return page.Encode();
}

}  // namespace besom::stages
