#include "stages/data/perceptual_hash.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace besom::stages {
namespace {

constexpr int kSide = 32;
constexpr int kFrequencies = 8;
using Small = std::array<float, std::size_t{kSide} * kSide>;

std::size_t At(int x, int y) { return static_cast<std::size_t>(y * kSide + x); }

Small Halved(ThumbnailView thumbnail) {
  Small small;
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const std::size_t from =
          static_cast<std::size_t>(2 * y * kThumbnailSide + 2 * x);
      const int sum = thumbnail[from] + thumbnail[from + 1] +
                      thumbnail[from + kThumbnailSide] +
                      thumbnail[from + kThumbnailSide + 1];
      small[At(x, y)] = static_cast<float>(sum) / 4;
    }
  return small;
}

/// cosines[k][x] = cos(pi / n (x + 1/2) (k + 1)).
using Cosines = std::array<std::array<float, kSide>, kFrequencies>;
Cosines MakeCosines() {
  Cosines cosines;
  for (int k = 0; k < kFrequencies; ++k)
    for (int x = 0; x < kSide; ++x)
      cosines[static_cast<std::size_t>(k)][static_cast<std::size_t>(x)] =
          static_cast<float>(
              std::cos(std::numbers::pi / kSide * (x + 0.5) * (k + 1)));
  return cosines;
}

std::uint64_t HashOf(const Small& small) {
  static const Cosines cosines = MakeCosines();
  std::array<std::array<float, kSide>, kFrequencies> rows{};  // [u][y]
  for (std::size_t u = 0; u < kFrequencies; ++u)
    for (std::size_t y = 0; y < kSide; ++y) {
      // Lanes in a fixed order, whatever the processor.
      std::array<float, 8> lanes{};
      for (std::size_t x = 0; x < kSide; ++x)
        lanes[x % 8] += small[y * kSide + x] * cosines[u][x];
      for (const float lane : lanes) rows[u][y] += lane;
    }
  std::array<float, 64> coefficients;
  for (std::size_t v = 0; v < kFrequencies; ++v)
    for (std::size_t u = 0; u < kFrequencies; ++u) {
      float sum = 0;
      for (std::size_t y = 0; y < kSide; ++y) sum += rows[u][y] * cosines[v][y];
      coefficients[v * kFrequencies + u] = sum;
    }
  std::array<float, 64> sorted = coefficients;
  std::sort(sorted.begin(), sorted.end());
  const float median = (sorted[31] + sorted[32]) / 2;
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < coefficients.size(); ++i)
    if (coefficients[i] > median) hash |= std::uint64_t{1} << i;
  return hash;
}

/// The picture turned by `degrees` and magnified by `zoom` about its centre;
/// its edge pixels go on outside of it.
Small Warped(const Small& small, double degrees, double zoom) {
  const double angle = degrees * std::numbers::pi / 180;
  const auto cosine = static_cast<float>(std::cos(angle) / zoom);
  const auto sine = static_cast<float>(std::sin(angle) / zoom);
  constexpr float kCentre = (kSide - 1) / 2.0F;
  Small warped;
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const float u = static_cast<float>(x) - kCentre;
      const float v = static_cast<float>(y) - kCentre;
      const float fx =
          std::clamp(kCentre + cosine * u - sine * v, 0.0F, kSide - 1.001F);
      const float fy =
          std::clamp(kCentre + sine * u + cosine * v, 0.0F, kSide - 1.001F);
      const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
      const float wx = fx - static_cast<float>(ix);
      const float wy = fy - static_cast<float>(iy);
      const float top =
          small[At(ix, iy)] * (1 - wx) + small[At(ix + 1, iy)] * wx;
      const float bottom =
          small[At(ix, iy + 1)] * (1 - wx) + small[At(ix + 1, iy + 1)] * wx;
      warped[At(x, y)] = top * (1 - wy) + bottom * wy;
    }
  return warped;
}

}  // namespace

std::uint64_t PerceptualHash(ThumbnailView thumbnail) {
  return HashOf(Halved(thumbnail));
}

std::array<std::uint64_t, kHashVariants> VariantHashes(
    ThumbnailView thumbnail) {
  struct Variant {
    double degrees, zoom;
  };
  static constexpr std::array<Variant, kHashVariants> kVariants = {
      {{-4, 1}, {-2, 1}, {2, 1}, {4, 1}, {0, 0.96}, {0, 1.04}}};
  const Small small = Halved(thumbnail);
  std::array<std::uint64_t, kHashVariants> hashes{};
  for (std::size_t i = 0; i < hashes.size(); ++i)
    hashes[i] = HashOf(Warped(small, kVariants[i].degrees, kVariants[i].zoom));
  return hashes;
}

}  // namespace besom::stages
