// Resampling is separable: rows first, then columns, each result rounded to 8
// bits, with fixed-point weights of 22 fractional bits: the way Pillow works
// (its documentation, "Concepts / Filters"), so that results agree with it.
#include "stages/data/resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "stages/data/thumbnail.h"

namespace besom::stages {
namespace {

/// 8 bits of value and 2 of sign and overshoot leave 22 of 32.
constexpr int kWeightBits = 22;

/// One axis of a resampling: `in` pixels become `out`, of which the `count`
/// from `first` on are wanted.
struct Axis {
  int in, out, first, count;
  bool IsIdentity() const { return in == out && first == 0 && count == out; }
};

/// The weights of one axis, fixed point. Output i is the sum over t < taps of
/// weights[i * taps + t] * input[begin[i] + t].
struct Weights {
  int taps = 0;
  std::vector<int> begin, length;
  std::vector<std::int32_t> weights;
};

double Triangle(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

/// Keys (1981), equation 4 with a = -1/2.
double Cubic(double x) {
  x = std::abs(x);
  if (x < 1.0) return (1.5 * x - 2.5) * x * x + 1.0;
  if (x < 2.0) return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
  return 0.0;
}

std::int32_t FixedPoint(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

Weights MakeWeights(const Axis& axis, Interpolation interpolation) {
  const bool cubic = interpolation == Interpolation::kBicubic;
  const double scale = static_cast<double>(axis.in) / axis.out;
  const double stretch = std::max(scale, 1.0);  // Antialias when shrinking.
  const double support = (cubic ? 2.0 : 1.0) * stretch;
  Weights result;
  result.taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  result.weights.resize(static_cast<std::size_t>(result.taps) *
                        static_cast<std::size_t>(axis.count));
  std::vector<double> row(static_cast<std::size_t>(result.taps));
  for (int i = 0; i < axis.count; ++i) {
    const double centre = (axis.first + i + 0.5) * scale;
    const int begin = std::max(0, static_cast<int>(centre - support + 0.5));
    const int end = std::min(axis.in, static_cast<int>(centre + support + 0.5));
    double sum = 0;
    for (int t = 0; t < end - begin; ++t) {
      const double x = (t + begin - centre + 0.5) / stretch;
      row[static_cast<std::size_t>(t)] = cubic ? Cubic(x) : Triangle(x);
      sum += row[static_cast<std::size_t>(t)];
    }
    result.begin.push_back(begin);
    result.length.push_back(end - begin);
    std::int32_t* weights =
        &result.weights[static_cast<std::size_t>(i) *
                        static_cast<std::size_t>(result.taps)];
    for (int t = 0; t < end - begin; ++t)
      weights[t] = FixedPoint(row[static_cast<std::size_t>(t)] / sum);
  }
  return result;
}

std::uint8_t Rounded(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

template <int kChannels>
void ResampleRow(const std::uint8_t* in, const Weights& weights,
                 std::uint8_t* out) {
  const std::size_t count = weights.begin.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t* w =
        &weights.weights[i * static_cast<std::size_t>(weights.taps)];
    const std::uint8_t* from = in + weights.begin[i] * kChannels;
    std::int32_t sums[kChannels];
    std::fill_n(sums, kChannels, kHalf);
    for (int t = 0; t < weights.length[i]; ++t)
      for (int c = 0; c < kChannels; ++c)
        sums[c] += from[t * kChannels + c] * w[t];
    for (int c = 0; c < kChannels; ++c) *out++ = Rounded(sums[c]);
  }
}

/// Resamples each of `rows` rows of axis.in pixels.
std::vector<std::uint8_t> ResampleRows(const std::uint8_t* in, int rows,
                                       int channels, const Axis& axis,
                                       Interpolation interpolation) {
  const Weights weights = MakeWeights(axis, interpolation);
  const auto in_bytes = static_cast<std::size_t>(axis.in * channels);
  const auto out_bytes = static_cast<std::size_t>(axis.count * channels);
  std::vector<std::uint8_t> out(out_bytes * static_cast<std::size_t>(rows));
  for (std::size_t y = 0; y < static_cast<std::size_t>(rows); ++y) {
    if (channels == 1)
      ResampleRow<1>(in + y * in_bytes, weights, &out[y * out_bytes]);
    else
      ResampleRow<3>(in + y * in_bytes, weights, &out[y * out_bytes]);
  }
  return out;
}

/// Resamples each column of an image whose rows have `row_bytes` bytes. Row
/// numbers of `weights` count from `row_offset`.
std::vector<std::uint8_t> ResampleColumns(const std::uint8_t* in,
                                          std::size_t row_bytes, int row_offset,
                                          const Weights& weights) {
  const std::size_t count = weights.begin.size();
  std::vector<std::uint8_t> out(row_bytes * count);
  std::vector<std::int32_t> sums(row_bytes);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t* w =
        &weights.weights[i * static_cast<std::size_t>(weights.taps)];
    std::fill(sums.begin(), sums.end(), kHalf);
    for (int t = 0; t < weights.length[i]; ++t) {
      const std::uint8_t* from =
          in + static_cast<std::size_t>(weights.begin[i] - row_offset + t) *
                   row_bytes;
      for (std::size_t x = 0; x < row_bytes; ++x) sums[x] += from[x] * w[t];
    }
    std::transform(sums.begin(), sums.end(), &out[i * row_bytes], Rounded);
  }
  return out;
}

/// Resamples both axes and returns the wanted window.
std::vector<std::uint8_t> Resample(const DecodedImage& image,
                                   const Axis& across, const Axis& down,
                                   Interpolation interpolation) {
  const int channels = image.channels;
  const Weights columns = MakeWeights(down, interpolation);
  // Only rows that some wanted output row looks at.
  const int first = columns.begin.front();
  const int last = columns.begin.back() + columns.length.back();
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) *
                                static_cast<std::size_t>(channels);
  const std::uint8_t* start =
      image.pixels.data() + static_cast<std::size_t>(first) * row_bytes;
  std::vector<std::uint8_t> narrow;
  if (across.IsIdentity())
    narrow.assign(start,
                  start + static_cast<std::size_t>(last - first) * row_bytes);
  else
    narrow = ResampleRows(start, last - first, channels, across, interpolation);
  if (down.IsIdentity()) return narrow;
  return ResampleColumns(narrow.data(),
                         static_cast<std::size_t>(across.count * channels),
                         first, columns);
}

/// torchvision's sizes: the longer side is cut to a whole number, the window
/// begins at Python's round((long - n) / 2), halves to even.
Axis CropAxis(int in, int shorter, int size) {
  const auto out =
      static_cast<int>(static_cast<std::int64_t>(size) * in / shorter);
  return {in, out, static_cast<int>(std::nearbyint((out - size) / 2.0)), size};
}

int PaddedSide(int in, int longer, int size) {
  const double side = static_cast<double>(in) / longer * size;
  return std::max(1, static_cast<int>(std::nearbyint(side)));
}

std::vector<std::uint8_t> Pad(const DecodedImage& image, int size,
                              Interpolation interpolation) {
  const int longer = std::max(image.width, image.height);
  const int width = PaddedSide(image.width, longer, size);
  const int height = PaddedSide(image.height, longer, size);
  const std::vector<std::uint8_t> inner =
      Resample(image, {image.width, width, 0, width},
               {image.height, height, 0, height}, interpolation);
  const auto left = static_cast<int>(std::nearbyint((size - width) / 2.0));
  const auto top = static_cast<int>(std::nearbyint((size - height) / 2.0));
  const auto channels = static_cast<std::size_t>(image.channels);
  const auto side = static_cast<std::size_t>(size);
  std::vector<std::uint8_t> out(side * side * channels);
  const std::size_t row_bytes = static_cast<std::size_t>(width) * channels;
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y)
    std::memcpy(&out[((static_cast<std::size_t>(top) + y) * side +
                      static_cast<std::size_t>(left)) *
                     channels],
                &inner[y * row_bytes], row_bytes);
  return out;
}

template <typename Value>
Result<Value> ParseWord(
    std::string_view key, std::string_view word,
    std::initializer_list<std::pair<std::string_view, Value>> known) {
  std::string words;
  for (const auto& [name, value] : known) {
    if (name == word) return value;
    words += fmt::format("{}{}", words.empty() ? "" : ", ", name);
  }
  return InvalidError(fmt::format("ingest.{}", key),
                      fmt::format("'{}' is none of: {}", word, words));
}

}  // namespace

LeastSides LeastSidesFor(const ResizeSettings& settings) {
  // Padding brings the longer side to the target, the others the shorter one.
  if (settings.mode == ResizeMode::kPad)
    return {kLeastThumbnailSource, 2 * settings.size};
  return {std::max(kLeastThumbnailSource, 2 * settings.size), 0};
}

Result<ResizeMode> ParseResizeMode(std::string_view word) {
  return ParseWord<ResizeMode>("resize", word,
                               {{"stretch", ResizeMode::kStretch},
                                {"crop", ResizeMode::kCrop},
                                {"pad", ResizeMode::kPad}});
}

Result<Interpolation> ParseInterpolation(std::string_view word) {
  return ParseWord<Interpolation>("interpolation", word,
                                  {{"bilinear", Interpolation::kBilinear},
                                   {"bicubic", Interpolation::kBicubic}});
}

Result<BitDepthRange> ParseBitDepthRange(std::string_view word) {
  return ParseWord<BitDepthRange>("bit_depth_range", word,
                                  {{"full", BitDepthRange::kFull},
                                   {"percentile", BitDepthRange::kPercentile}});
}

std::vector<std::uint8_t> ResizeImage(const DecodedImage& image,
                                      const ResizeSettings& settings) {
  const int size = settings.size;
  BESOM_CHECK(image.width > 0 && image.height > 0 && size > 0,
              fmt::format("{} x {} to {}", image.width, image.height, size));
  switch (settings.mode) {
    case ResizeMode::kStretch:
      break;
    case ResizeMode::kCrop: {
      const int shorter = std::min(image.width, image.height);
      return Resample(image, CropAxis(image.width, shorter, size),
                      CropAxis(image.height, shorter, size),
                      settings.interpolation);
    }
    case ResizeMode::kPad:
      return Pad(image, size, settings.interpolation);
  }
  return Resample(image, {image.width, size, 0, size},
                  {image.height, size, 0, size}, settings.interpolation);
}

}  // namespace besom::stages
