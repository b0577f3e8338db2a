#include "stages/data/view_rows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <numeric>
#include <string>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

using Fill = AugmentSettings::Fill;

// Positions are fixed-point numbers with 32 binary digits behind the point:
// exact to 1e-7 pixels at every size, and whole numbers add without rounding.
constexpr int kPoint = 32;
constexpr double kOne = 4294967296.0;

/// Columns from `first` up to, without, `last`.
struct Columns {
  std::int64_t first, last;
};

/// The smallest whole number that is not below a / b. REQUIRES: b > 0.
std::int64_t CeilOfQuotient(std::int64_t a, std::int64_t b) {
  return a / b + (a % b > 0 ? 1 : 0);
}

/// The columns in [0, size) where 0 <= start + step * column < end.
Columns ColumnsWithin(std::int64_t start, std::int64_t step, std::int64_t end,
                      int size) {
  if (step == 0) return {0, start >= 0 && start < end ? std::int64_t{size} : 0};
  // Going down, the same from the other end: 0 <= end - 1 - position < end.
  if (step < 0) return ColumnsWithin(end - 1 - start, -step, end, size);
  const auto bounded = [size](std::int64_t column) {
    return std::clamp<std::int64_t>(column, 0, size);
  };
  return {bounded(CeilOfQuotient(-start, step)),
          bounded(CeilOfQuotient(end - start, step))};
}

/// Maps a pixel number outside of [0, size) into it.
int Inside(int at, int size, Fill fill) {
  if (fill != Fill::kReflect) return std::clamp(at, 0, size - 1);
  if (at >= 0 && at < size) return at;
  // ... c b a | a b c | c b a ...: the edge pixel comes twice, as in SciPy's
  // and Keras's "reflect".
  const int period = 2 * size;
  at %= period;
  if (at < 0) at += period;
  return at < size ? at : period - 1 - at;
}

/// Grey levels after contrast about the picture's mean, then brightness.
ViewRows::Levels LevelsOf(std::span<const std::uint8_t> pixels,
                          const View& view) {
  const auto sum =
      std::accumulate(pixels.begin(), pixels.end(), std::uint64_t{0});
  const double mean =
      static_cast<double>(sum) / static_cast<double>(pixels.size());
  ViewRows::Levels levels;
  for (int level = 0; level < 256; ++level) {
    const double value =
        (level - mean) * view.contrast + mean + view.brightness * 255.0;
    levels[static_cast<std::size_t>(level)] =
        static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
  }
  return levels;
}

/// Eight digits of the weights are as many as the result can show.
std::uint32_t WeightOf(std::int64_t position) {
  return static_cast<std::uint32_t>(position >> (kPoint - 8)) & 255U;
}

/// Draws rows; kChannels is known while compiling so that the inner loop has
/// no loop of its own.
template <int kChannels>
class Sampler {
 public:
  Sampler(const std::uint8_t* from, int size, Fill fill)
      : from_(from), size_(size), fill_(fill) {}

  /// The row whose first pixel looks at (x, y) and each next one a step on.
  void Row(std::int64_t x, std::int64_t y, std::int64_t dx, std::int64_t dy,
           std::uint8_t* to) const {
    // Where all four neighbours are in the picture there is nothing to ask.
    const std::int64_t inner = static_cast<std::int64_t>(size_ - 1) << kPoint;
    const Columns by_x = ColumnsWithin(x, dx, inner, size_);
    const Columns by_y = ColumnsWithin(y, dy, inner, size_);
    const std::int64_t first = std::max(by_x.first, by_y.first);
    const std::int64_t last = std::max(first, std::min(by_x.last, by_y.last));
    for (std::int64_t column = 0; column < first; ++column)
      Edge(x + column * dx, y + column * dy, to + column * kChannels);
    Interior(x + first * dx, y + first * dy, dx, dy, to + first * kChannels,
             to + last * kChannels);
    for (std::int64_t column = last; column < size_; ++column)
      Edge(x + column * dx, y + column * dy, to + column * kChannels);
  }

 private:
  const std::uint8_t* At(std::int64_t column, std::int64_t row) const {
    return from_ + (row * size_ + column) * kChannels;
  }

  static void Blend(const std::uint8_t* a, const std::uint8_t* b,
                    const std::uint8_t* c, const std::uint8_t* d,
                    std::uint32_t u, std::uint32_t v, std::uint8_t* to) {
    for (int channel = 0; channel < kChannels; ++channel) {
      // Upper and lower row side by side, 16 bits each: both are at most
      // 255 * 256, so that one product serves two.
      const std::uint32_t left = a[channel] | std::uint32_t{c[channel]} << 16;
      const std::uint32_t right = b[channel] | std::uint32_t{d[channel]} << 16;
      const std::uint32_t both = left * 256 + (right - left) * u;
      const std::uint32_t upper = both & 0xFFFF;
      const std::uint32_t lower = both >> 16;
      to[channel] = static_cast<std::uint8_t>(
          (upper * 256 + (lower - upper) * v + 32768) >> 16);
    }
  }

  void Interior(std::int64_t x, std::int64_t y, std::int64_t dx,
                std::int64_t dy, std::uint8_t* to,
                const std::uint8_t* end) const {
    const std::ptrdiff_t below = std::ptrdiff_t{size_} * kChannels;
    for (; to != end; to += kChannels, x += dx, y += dy) {
      const std::uint8_t* a = At(x >> kPoint, y >> kPoint);
      Blend(a, a + kChannels, a + below, a + below + kChannels, WeightOf(x),
            WeightOf(y), to);
    }
  }

  void Edge(std::int64_t x, std::int64_t y, std::uint8_t* to) const {
    // A point belongs to the picture when it lies on one of its pixels, up to
    // half a pixel beyond the outermost centres (as in Pillow).
    constexpr std::int64_t kHalf = std::int64_t{1} << (kPoint - 1);
    const std::int64_t end = static_cast<std::int64_t>(size_) << kPoint;
    if (fill_ == Fill::kBlack &&
        (x < -kHalf || y < -kHalf || x + kHalf >= end || y + kHalf >= end)) {
      std::fill(to, to + kChannels, std::uint8_t{0});
      return;
    }
    const int left = static_cast<int>(x >> kPoint);
    const int top = static_cast<int>(y >> kPoint);
    const int a = Inside(left, size_, fill_);
    const int b = Inside(left + 1, size_, fill_);
    const int upper = Inside(top, size_, fill_);
    const int lower = Inside(top + 1, size_, fill_);
    Blend(At(a, upper), At(b, upper), At(a, lower), At(b, lower), WeightOf(x),
          WeightOf(y), to);
  }

  const std::uint8_t* from_;
  int size_;
  Fill fill_;
};

}  // namespace

/// The inverse of: flip, scale about the centre, rotate counter-clockwise
/// about the centre, shift.
ViewRows::Lookup ViewRows::LookupOf(const View& view, int size) {
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

ViewRows::ViewRows(std::span<const std::uint8_t> pixels, int size, int channels,
                   const View& view, AugmentSettings::Fill fill)
    : pixels_(pixels),
      size_(size),
      channels_(channels),
      fill_(fill),
      is_still_(view.rotation == 0 && view.shift_x == 0 && view.shift_y == 0 &&
                view.scale == 1 && !view.flip),
      changes_levels_(view.brightness != 0 || view.contrast != 1),
      lookup_(LookupOf(view, size)) {
  BESOM_CHECK(size > 0 && (channels == 1 || channels == 3) &&
                  pixels.size() == static_cast<std::size_t>(size) * size *
                                       static_cast<std::size_t>(channels),
              std::to_string(size) + ", " + std::to_string(channels) + ", " +
                  std::to_string(pixels.size()));
  if (changes_levels_)
    levels_ = LevelsOf(pixels, view);
  else
    std::iota(levels_.begin(), levels_.end(), std::uint8_t{0});
}

std::span<const std::uint8_t> ViewRows::Row(
    int row, std::span<std::uint8_t> space) const {
  const std::size_t bytes = static_cast<std::size_t>(size_) * channels_;
  if (is_still_)
    return pixels_.subspan(static_cast<std::size_t>(row) * bytes, bytes);
  BESOM_CHECK(space.size() == bytes, std::to_string(space.size()));
  const std::int64_t x = lookup_.x_start + lookup_.x_row * row;
  const std::int64_t y = lookup_.y_start + lookup_.y_row * row;
  if (channels_ == 1)
    Sampler<1>(pixels_.data(), size_, fill_)
        .Row(x, y, lookup_.x_column, lookup_.y_column, space.data());
  else
    Sampler<3>(pixels_.data(), size_, fill_)
        .Row(x, y, lookup_.x_column, lookup_.y_column, space.data());
  return space;
}

}  // namespace besom::stages
