#include "stages/data/registration.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace besom::stages {
namespace {

constexpr std::array<int, 2> kSides = {32, 64};
/// Pixels at the border that are left out: turning and cropping change them.
constexpr std::array<int, 2> kMargins = {3, 6};
/// Radius of the surroundings whose mean is taken off, and of those whose
/// deviation is divided by. Wide at the coarse level, which has to find the
/// way; narrow at the fine one, which has to judge.
constexpr std::array<int, 2> kMeanRadius = {5, 4};
constexpr std::array<int, 2> kSpreadRadius = {10, 8};
/// Variance that noise may have, squared grey levels.
constexpr float kNoise = 9;
constexpr float kUnit = 32;  ///< Of PreparedPicture::level.
constexpr std::array<int, 2> kSteps = {6, 5};
/// A step below this (of half a side) changes nothing that is seen.
constexpr double kLeastStep = 2e-4;
/// Most that an entry of the map may differ from the identity's.
constexpr double kMostChange = 0.15;
/// Least correlation at the fine level that the coarse one must have led to.
/// Copies have 0.9 there, 0.7 when turned with new corners; nineteen of twenty
/// chest X-rays of strangers have less.
constexpr double kLeastBetween = 0.65;
/// Least share of the fixed picture that the other must cover.
constexpr double kLeastCover = 0.6;

std::size_t At(int side, int x, int y) {
  return static_cast<std::size_t>(y * side + x);
}

/// Means over square surroundings, which end at the border.
std::vector<float> BoxMeans(const std::vector<float>& values, int side,
                            int radius) {
  // Sums in double are exact for grey levels and their squares' quarters.
  std::vector<double> sums(static_cast<std::size_t>(side + 1) *
                           static_cast<std::size_t>(side + 1));
  for (int y = 0; y < side; ++y) {
    double row = 0;
    for (int x = 0; x < side; ++x) {
      row += static_cast<double>(values[At(side, x, y)]);
      sums[At(side + 1, x + 1, y + 1)] = sums[At(side + 1, x + 1, y)] + row;
    }
  }
  std::vector<float> means(values.size());
  for (int y = 0; y < side; ++y) {
    const int top = std::max(0, y - radius);
    const int bottom = std::min(side, y + radius + 1);
    for (int x = 0; x < side; ++x) {
      const int left = std::max(0, x - radius);
      const int right = std::min(side, x + radius + 1);
      const double sum =
          sums[At(side + 1, right, bottom)] - sums[At(side + 1, left, bottom)] -
          sums[At(side + 1, right, top)] + sums[At(side + 1, left, top)];
      means[At(side, x, y)] =
          static_cast<float>(sum / ((bottom - top) * (right - left)));
    }
  }
  return means;
}

struct Normalised {
  std::vector<std::int8_t> values;
  double detail = 0;
};

Normalised Normalise(const std::vector<float>& grey, std::size_t level) {
  const int side = kSides[level];
  const std::vector<float> means = BoxMeans(grey, side, kMeanRadius[level]);
  std::vector<float> rest(grey.size()), squares(grey.size());
  for (std::size_t i = 0; i < grey.size(); ++i) {
    rest[i] = grey[i] - means[i];
    squares[i] = rest[i] * rest[i];
  }
  const std::vector<float> spread =
      BoxMeans(squares, side, kSpreadRadius[level]);
  Normalised result;
  std::size_t detailed = 0;
  for (std::size_t i = 0; i < grey.size(); ++i) {
    const float value = rest[i] / std::sqrt(spread[i] + kNoise) * kUnit;
    result.values.push_back(static_cast<std::int8_t>(
        std::lround(std::clamp(value, -127.0F, 127.0F))));
    detailed += squares[i] > kNoise ? 1 : 0;
  }
  result.detail =
      static_cast<double>(detailed) / static_cast<double>(grey.size());
  return result;
}

std::vector<float> Halved(const std::vector<float>& grey, int side) {
  std::vector<float> half;
  for (int y = 0; y < side; y += 2)
    for (int x = 0; x < side; x += 2)
      half.push_back((grey[At(side, x, y)] + grey[At(side, x + 1, y)] +
                      grey[At(side, x, y + 1)] + grey[At(side, x + 1, y + 1)]) /
                     4);
  return half;
}

using Vector = std::array<double, 6>;
using Matrix = std::array<Vector, 6>;

/// An affine map of (u, v) = (x, y) from the centre in half sides:
/// (m0 u + m1 v + m2, m3 u + m4 v + m5).
using Map = Vector;
constexpr Map kIdentity = {1, 0, 0, 0, 1, 0};

/// Gauss-Jordan with pivots; nothing when singular.
std::optional<Matrix> Inverse(Matrix m) {
  Matrix inverse{};
  for (std::size_t i = 0; i < 6; ++i) inverse[i][i] = 1;
  for (std::size_t i = 0; i < 6; ++i) {
    std::size_t pivot = i;
    for (std::size_t r = i + 1; r < 6; ++r)
      if (std::abs(m[r][i]) > std::abs(m[pivot][i])) pivot = r;
    if (std::abs(m[pivot][i]) < 1e-6) return std::nullopt;
    std::swap(m[pivot], m[i]);
    std::swap(inverse[pivot], inverse[i]);
    const double scale = 1 / m[i][i];
    for (std::size_t c = 0; c < 6; ++c) {
      m[i][c] *= scale;
      inverse[i][c] *= scale;
    }
    for (std::size_t r = 0; r < 6; ++r) {
      if (r == i) continue;
      const double factor = m[r][i];
      for (std::size_t c = 0; c < 6; ++c) {
        m[r][c] -= factor * m[i][c];
        inverse[r][c] -= factor * inverse[i][c];
      }
    }
  }
  return inverse;
}

/// The map that undoes `step` first: map o (identity + step)^-1. Nothing when
/// the step cannot be undone.
std::optional<Map> ComposeWithInverse(const Map& map, const Vector& step) {
  const double a = 1 + step[0], b = step[1], c = step[3], d = 1 + step[4];
  const double determinant = a * d - b * c;
  if (std::abs(determinant) < 0.1) return std::nullopt;
  const double ia = d / determinant, ib = -b / determinant;
  const double ic = -c / determinant, id = a / determinant;
  const double tx = -(ia * step[2] + ib * step[5]);
  const double ty = -(ic * step[2] + id * step[5]);
  return Map{
      map[0] * ia + map[1] * ic,          map[0] * ib + map[1] * id,
      map[0] * tx + map[1] * ty + map[2], map[3] * ia + map[4] * ic,
      map[3] * ib + map[4] * id,          map[3] * tx + map[4] * ty + map[5]};
}

bool IsPlausible(const Map& map) {
  for (std::size_t i = 0; i < 6; ++i)
    if (!(std::abs(map[i] - kIdentity[i]) <= kMostChange)) return false;
  return true;
}

/// Calls each(index, u, v, sample) for each pixel of the fixed picture's
/// inside that falls on the moving one's inside; samples are bilinear.
template <typename Each>
void ForEachOverlap(const std::vector<std::int8_t>& moving, std::size_t level,
                    const Map& map, Each each) {
  const int side = kSides[level], margin = kMargins[level];
  const float half = static_cast<float>(side - 1) / 2;
  const auto low = static_cast<float>(margin);
  const auto high = static_cast<float>(side - 1 - margin);
  const auto m0 = static_cast<float>(map[0]), m3 = static_cast<float>(map[3]);
  for (int y = margin; y < side - margin; ++y) {
    const float v = (static_cast<float>(y) - half) / half;
    const float row_x =
        half +
        half * static_cast<float>(map[1] * static_cast<double>(v) + map[2]);
    const float row_y =
        half +
        half * static_cast<float>(map[4] * static_cast<double>(v) + map[5]);
    for (int x = margin; x < side - margin; ++x) {
      const float from_centre = static_cast<float>(x) - half;
      const float fx = row_x + m0 * from_centre;
      const float fy = row_y + m3 * from_centre;
      if (fx < low || fy < low || fx >= high || fy >= high) continue;
      const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
      const float wx = fx - static_cast<float>(ix);
      const float wy = fy - static_cast<float>(iy);
      const std::int8_t* p = &moving[At(side, ix, iy)];
      const auto left = static_cast<float>(p[0]);
      const auto under = static_cast<float>(p[side]);
      const float top = left + (static_cast<float>(p[1]) - left) * wx;
      const float bottom =
          under + (static_cast<float>(p[side + 1]) - under) * wx;
      each(At(side, x, y), from_centre / half, v, top + (bottom - top) * wy);
    }
  }
}

double CorrelationUnder(const std::vector<float>& fixed,
                        const std::vector<std::int8_t>& moving,
                        std::size_t level, const Map& map) {
  int count = 0;
  double a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  ForEachOverlap(moving, level, map,
                 [&](std::size_t i, float, float, float sample) {
                   const double x = static_cast<double>(fixed[i]);
                   const double y = static_cast<double>(sample);
                   ++count;
                   a += x;
                   b += y;
                   aa += x * x;
                   bb += y * y;
                   ab += x * y;
                 });
  const int inside = kSides[level] - 2 * kMargins[level];
  if (count < kLeastCover * inside * inside) return 0;
  const double spread = (aa - a * a / count) * (bb - b * b / count);
  return spread <= 0 ? 0 : (ab - a * b / count) / std::sqrt(spread);
}

}  // namespace

PreparedPicture::PreparedPicture(ThumbnailView thumbnail) {
  const std::vector<float> grey(thumbnail.begin(), thumbnail.end());
  levels_[0] = Normalise(Halved(grey, kThumbnailSide), 0).values;
  Normalised fine = Normalise(grey, 1);
  levels_[1] = std::move(fine.values);
  detail_ = fine.detail;
}

Registration::Registration(const PreparedPicture& fixed) {
  for (std::size_t l = 0; l < levels_.size(); ++l) {
    const int side = kSides[l], margin = kMargins[l];
    const float half = static_cast<float>(side - 1) / 2;
    Level& level = levels_[l];
    level.values.assign(fixed.level(l).begin(), fixed.level(l).end());
    level.across.assign(level.values.size(), 0);
    level.down.assign(level.values.size(), 0);
    Matrix hessian{};
    for (int y = margin; y < side - margin; ++y)
      for (int x = margin; x < side - margin; ++x) {
        const std::size_t i = At(side, x, y);
        // Per half side, as the map's entries are.
        const float across =
            half * (level.values[i + 1] - level.values[i - 1]) / 2;
        const float down = half *
                           (level.values[At(side, x, y + 1)] -
                            level.values[At(side, x, y - 1)]) /
                           2;
        level.across[i] = across;
        level.down[i] = down;
        const float u = (static_cast<float>(x) - half) / half;
        const float v = (static_cast<float>(y) - half) / half;
        const std::array<float, 6> slope = {across * u, across * v, across,
                                            down * u,   down * v,   down};
        for (std::size_t r = 0; r < 6; ++r)
          for (std::size_t c = 0; c < 6; ++c)
            hessian[r][c] += static_cast<double>(slope[r] * slope[c]);
      }
    if (const std::optional<Matrix> inverse = Inverse(hessian))
      level.inverse = *inverse;
    else
      singular_ = true;
  }
}

double Registration::Correlate(const PreparedPicture& moving) const {
  if (singular_) return 0;
  Map map = kIdentity;
  for (std::size_t l = 0; l < levels_.size(); ++l) {
    const Level& level = levels_[l];
    const std::vector<std::int8_t>& picture = moving.level(l);
    for (int step = 0; step < kSteps[l]; ++step) {
      std::array<float, 6> slope{};
      ForEachOverlap(picture, l, map,
                     [&](std::size_t i, float u, float v, float sample) {
                       const float error = sample - level.values[i];
                       const float x = error * level.across[i];
                       const float y = error * level.down[i];
                       slope[0] += x * u;
                       slope[1] += x * v;
                       slope[2] += x;
                       slope[3] += y * u;
                       slope[4] += y * v;
                       slope[5] += y;
                     });
      Vector change{};
      double largest = 0;
      for (std::size_t r = 0; r < 6; ++r) {
        for (std::size_t c = 0; c < 6; ++c)
          change[r] += level.inverse[r][c] * static_cast<double>(slope[c]);
        largest = std::max(largest, std::abs(change[r]));
      }
      const std::optional<Map> next = ComposeWithInverse(map, change);
      if (!next || !IsPlausible(*next)) return 0;
      map = *next;
      if (largest < kLeastStep) break;
    }
    if (l == 0 && CorrelationUnder(levels_[1].values, moving.level(1), 1, map) <
                      kLeastBetween)
      return 0;
  }
  return CorrelationUnder(levels_[1].values, moving.level(1), 1, map);
}

}  // namespace besom::stages
