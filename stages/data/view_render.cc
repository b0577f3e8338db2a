#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>

#include "pipeline/base/check.h"
#include "stages/data/view.h"

namespace besom::stages {
namespace {

using Fill = AugmentSettings::Fill;

// Positions are fixed-point numbers with 32 binary digits behind the point:
// exact to 1e-7 pixels at every size, and whole numbers add without rounding.
constexpr int kPoint = 32;
constexpr double kOne = 4294967296.0;

/// Where output pixel (column, row) looks in the input: an affine map of pixel
/// centres, in fixed-point pixels.
struct Lookup {
  std::int64_t x_column, x_row, x_start;
  std::int64_t y_column, y_row, y_start;
};

/// The inverse of: flip, scale about the centre, rotate counter-clockwise
/// about the centre, shift.
Lookup LookupOf(const View& view, int size) {
  const double radians = view.rotation * std::numbers::pi / 180.0;
  const double cosine = std::cos(radians) / view.scale;
  const double sine = std::sin(radians) / view.scale;
  const double mirror = view.flip ? -1.0 : 1.0;
  const double centre = 0.5 * size;
  // Of the output pixel (0, 0), from the middle of the turned picture.
  const double x = 0.5 - centre - view.shift_x * size;
  const double y = 0.5 - centre - view.shift_y * size;
  const auto fixed = [](double value) {
    return static_cast<std::int64_t>(std::llround(value * kOne));
  };
  // Rows grow downwards, so a turn to the left is clockwise in (x, y).
  return {fixed(mirror * cosine),
          fixed(-mirror * sine),
          fixed(mirror * (cosine * x - sine * y) + centre - 0.5),
          fixed(sine),
          fixed(cosine),
          fixed(sine * x + cosine * y + centre - 0.5)};
}

/// Maps a pixel number outside of [0, size) into it.
int Inside(int at, int size, Fill fill) {
  if (fill != Fill::kReflect) return std::clamp(at, 0, size - 1);
  // ... c b a | a b c | c b a ...: the edge pixel comes twice, as in SciPy's
  // and Keras's "reflect".
  const int period = 2 * size;
  at %= period;
  if (at < 0) at += period;
  return at < size ? at : period - 1 - at;
}

/// Grey levels after contrast about the picture's mean, then brightness.
std::array<std::uint8_t, 256> Levels(std::span<const std::uint8_t> pixels,
                                     const View& view) {
  std::uint64_t sum = 0;
  for (const std::uint8_t pixel : pixels) sum += pixel;
  const double mean =
      static_cast<double>(sum) / static_cast<double>(pixels.size());
  std::array<std::uint8_t, 256> levels;
  for (int level = 0; level < 256; ++level) {
    const double value =
        (level - mean) * view.contrast + mean + view.brightness * 255.0;
    levels[static_cast<std::size_t>(level)] =
        static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
  }
  return levels;
}

/// Draws one view; kChannels is known while compiling so that the inner loop
/// has no loop of its own.
template <int kChannels>
class Sampler {
 public:
  Sampler(const std::uint8_t* from, int size, Fill fill)
      : from_(from), size_(size), fill_(fill) {}

  void Row(std::int64_t x, std::int64_t y, std::int64_t dx, std::int64_t dy,
           std::uint8_t* to) const {
    const auto inner = static_cast<std::uint32_t>(size_ - 1);
    for (int column = 0; column < size_; ++column) {
      const int left = static_cast<int>(x >> kPoint);
      const int top = static_cast<int>(y >> kPoint);
      // Eight digits of the weights are as many as the result can show.
      const auto u = static_cast<std::uint32_t>(x >> (kPoint - 8)) & 255U;
      const auto v = static_cast<std::uint32_t>(y >> (kPoint - 8)) & 255U;
      if (static_cast<std::uint32_t>(left) < inner &&
          static_cast<std::uint32_t>(top) < inner) [[likely]] {
        const std::uint8_t* a = At(left, top);
        Blend(a, a + kChannels, a + size_ * kChannels,
              a + (size_ + 1) * kChannels, u, v, to);
      } else {
        Edge(x, y, left, top, u, v, to);
      }
      to += kChannels;
      x += dx;
      y += dy;
    }
  }

 private:
  const std::uint8_t* At(int column, int row) const {
    return from_ +
           (static_cast<std::ptrdiff_t>(row) * size_ + column) * kChannels;
  }

  static void Blend(const std::uint8_t* a, const std::uint8_t* b,
                    const std::uint8_t* c, const std::uint8_t* d,
                    std::uint32_t u, std::uint32_t v, std::uint8_t* to) {
    for (int channel = 0; channel < kChannels; ++channel) {
      const std::uint32_t upper = a[channel] * (256 - u) + b[channel] * u;
      const std::uint32_t lower = c[channel] * (256 - u) + d[channel] * u;
      to[channel] = static_cast<std::uint8_t>(
          (upper * (256 - v) + lower * v + 32768) >> 16);
    }
  }

  void Edge(std::int64_t x, std::int64_t y, int left, int top, std::uint32_t u,
            std::uint32_t v, std::uint8_t* to) const {
    // A point belongs to the picture when it lies on one of its pixels, up to
    // half a pixel beyond the outermost centres (as in Pillow).
    constexpr std::int64_t kHalf = std::int64_t{1} << (kPoint - 1);
    const std::int64_t end = static_cast<std::int64_t>(size_) << kPoint;
    if (fill_ == Fill::kBlack &&
        (x < -kHalf || y < -kHalf || x + kHalf >= end || y + kHalf >= end)) {
      std::fill(to, to + kChannels, std::uint8_t{0});
      return;
    }
    const int right = Inside(left + 1, size_, fill_);
    const int below = Inside(top + 1, size_, fill_);
    left = Inside(left, size_, fill_);
    top = Inside(top, size_, fill_);
    Blend(At(left, top), At(right, top), At(left, below), At(right, below), u,
          v, to);
  }

  const std::uint8_t* from_;
  int size_;
  Fill fill_;
};

template <int kChannels>
std::vector<std::uint8_t> Warp(std::span<const std::uint8_t> pixels, int size,
                               const View& view, Fill fill) {
  const Lookup lookup = LookupOf(view, size);
  const Sampler<kChannels> sampler(pixels.data(), size, fill);
  std::vector<std::uint8_t> warped(pixels.size());
  for (int row = 0; row < size; ++row)
    sampler.Row(
        lookup.x_start + lookup.x_row * row,
        lookup.y_start + lookup.y_row * row, lookup.x_column, lookup.y_column,
        warped.data() + static_cast<std::ptrdiff_t>(row) * size * kChannels);
  return warped;
}

}  // namespace

std::vector<std::uint8_t> RenderView(std::span<const std::uint8_t> pixels,
                                     int size, int channels, const View& view,
                                     AugmentSettings::Fill fill) {
  BESOM_CHECK(size > 0 && (channels == 1 || channels == 3) &&
                  pixels.size() == static_cast<std::size_t>(size) * size *
                                       static_cast<std::size_t>(channels),
              std::to_string(size) + ", " + std::to_string(channels) + ", " +
                  std::to_string(pixels.size()));
  const bool is_still = view.rotation == 0 && view.shift_x == 0 &&
                        view.shift_y == 0 && view.scale == 1 && !view.flip;
  std::vector<std::uint8_t> result =
      is_still        ? std::vector<std::uint8_t>(pixels.begin(), pixels.end())
      : channels == 1 ? Warp<1>(pixels, size, view, fill)
                      : Warp<3>(pixels, size, view, fill);
  if (view.brightness != 0 || view.contrast != 1) {
    const auto levels = Levels(pixels, view);
    for (std::uint8_t& pixel : result) pixel = levels[pixel];
  }
  return result;
}

}  // namespace besom::stages
