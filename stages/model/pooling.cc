#include "stages/model/pooling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

constexpr int kWindow = 4;

/// Reads a map that lies channels last.
struct MapReader {
  const MapShape& shape;
  std::span<const float> numbers;

  const float* Pixel(int y, int x) const {
    return numbers.data() +
           (static_cast<std::size_t>(y) * shape.width + x) * shape.channels;
  }
};

/// Means over the `height` x `width` window at (top, left): channel c goes to
/// row[c * stride].
void MeanOfWindow(const MapReader& map, int top, int left, int height,
                  int width, float* row, std::size_t stride) {
  const auto channels = static_cast<std::size_t>(map.shape.channels);
  const float count = static_cast<float>(height * width);
  for (std::size_t c = 0; c < channels; ++c) row[c * stride] = 0;
  for (int y = top; y < top + height; ++y)
    for (int x = left; x < left + width; ++x) {
      const float* pixel = map.Pixel(y, x);
      for (std::size_t c = 0; c < channels; ++c) row[c * stride] += pixel[c];
    }
  for (std::size_t c = 0; c < channels; ++c) row[c * stride] /= count;
}

void MaxOfMap(const MapReader& map, std::span<float> row) {
  std::copy_n(map.numbers.data(), row.size(), row.data());
  for (int y = 0; y < map.shape.height; ++y)
    for (int x = 0; x < map.shape.width; ++x) {
      const float* pixel = map.Pixel(y, x);
      for (std::size_t c = 0; c < row.size(); ++c)
        row[c] = std::max(row[c], pixel[c]);
    }
}

void MeansOfWindows(const MapReader& map, std::span<float> row) {
  const int rows = map.shape.height / kWindow;
  const int columns = map.shape.width / kWindow;
  const auto stride = static_cast<std::size_t>(rows) * columns;
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < columns; ++x)
      MeanOfWindow(map, y * kWindow, x * kWindow, kWindow, kWindow,
                   row.data() + static_cast<std::size_t>(y) * columns + x,
                   stride);
}

void Flatten(const MapReader& map, std::span<float> row) {
  const auto stride =
      static_cast<std::size_t>(map.shape.height) * map.shape.width;
  const auto channels = static_cast<std::size_t>(map.shape.channels);
  for (std::size_t p = 0; p < stride; ++p)
    for (std::size_t c = 0; c < channels; ++c)
      row[c * stride + p] = map.numbers[p * channels + c];
}

}  // namespace

Result<Pooling> ParsePooling(std::string_view name) {
  if (name == "average") return Pooling::kAverage;
  if (name == "max") return Pooling::kMax;
  if (name == "average4") return Pooling::kAverage4;
  if (name == "flatten") return Pooling::kFlatten;
  if (name == kEdgePooling) return Pooling::kEdge;
  return InvalidError("model.pooling", fmt::format("unknown pooling {}", name),
                      "use average, max, average4 or flatten");
}

Result<int> PooledDimension(Pooling pooling, const MapShape& map) {
  if (pooling == Pooling::kFlatten || pooling == Pooling::kEdge)
    return map.channels * map.height * map.width;
  if (pooling != Pooling::kAverage4) return map.channels;
  if (map.height < kWindow || map.width < kWindow)
    return InvalidError(
        "model.pooling",
        fmt::format("average4 needs a map of 4x4 or more; this one is {}x{}",
                    map.height, map.width),
        "use average, or larger images");
  return map.channels * (map.height / kWindow) * (map.width / kWindow);
}

void PoolMap(Pooling pooling, const MapShape& shape, std::span<const float> map,
             std::span<float> row) {
  const MapReader reader{shape, map};
  BESOM_CHECK(map.size() == static_cast<std::size_t>(shape.channels) *
                                shape.height * shape.width,
              fmt::format("{} numbers", map.size()));
  switch (pooling) {
    case Pooling::kAverage:
      return MeanOfWindow(reader, 0, 0, shape.height, shape.width, row.data(),
                          1);
    case Pooling::kMax:
      return MaxOfMap(reader, row);
    case Pooling::kAverage4:
      return MeansOfWindows(reader, row);
    case Pooling::kFlatten:
    case Pooling::kEdge:
      return Flatten(reader, row);
  }
}

}  // namespace besom::stages
