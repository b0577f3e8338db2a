#include "stages/data/thumbnail.h"

#include <algorithm>
#include <array>
#include <vector>

namespace besom::stages {
namespace {

/// What a cell of the thumbnail covers of one axis of `side` pixels: whole
/// pixels first ... last - 1 and parts of the ones before and after, in 64ths
/// (that cells end at 64ths of pixels is what makes the means exact).
struct Cover {
  int first, last;
  std::uint32_t before, after;
};

Cover CoverOf(int cell, int side) {
  const int begin = cell * side, end = begin + side;  // 64ths of pixels.
  const int first = (begin + kThumbnailSide - 1) / kThumbnailSide;
  const int last = end / kThumbnailSide;
  if (first > last)  // Within one pixel.
    return {first, first, static_cast<std::uint32_t>(side), 0};
  return {first, last,
          static_cast<std::uint32_t>(first * kThumbnailSide - begin),
          static_cast<std::uint32_t>(end - last * kThumbnailSide)};
}

/// totals[x] = 64 times the sum of the rows that are covered, parts as parts.
/// `Sum` holds the sum of all whole rows.
template <typename Sum>
void SumRows(const std::uint8_t* pixels, std::size_t row_bytes,
             const Cover& cover, std::vector<Sum>& sums,
             std::vector<std::uint32_t>& totals) {
  std::fill(sums.begin(), sums.end(), Sum{0});
  const std::uint8_t* row =
      pixels + static_cast<std::size_t>(cover.first) * row_bytes;
  for (int y = cover.first; y < cover.last; ++y, row += row_bytes)
    for (std::size_t x = 0; x < row_bytes; ++x)
      sums[x] = static_cast<Sum>(sums[x] + row[x]);
  for (std::size_t x = 0; x < row_bytes; ++x)
    totals[x] = static_cast<std::uint32_t>(sums[x]) * kThumbnailSide;
  const auto add = [&](int y, std::uint32_t weight) {
    if (weight == 0) return;
    const std::uint8_t* part = pixels + static_cast<std::size_t>(y) * row_bytes;
    for (std::size_t x = 0; x < row_bytes; ++x) totals[x] += weight * part[x];
  };
  add(cover.first - 1, cover.before);
  add(cover.last, cover.after);
}

/// The same along a row, for each channel.
template <int kChannels>
std::array<std::uint64_t, kChannels> SumColumns(
    const std::vector<std::uint32_t>& totals, const Cover& cover) {
  std::array<std::uint64_t, kChannels> sums{};
  const auto add = [&](int x, std::uint64_t weight) {
    const std::uint32_t* at = &totals[static_cast<std::size_t>(x * kChannels)];
    for (std::size_t c = 0; c < kChannels; ++c) sums[c] += weight * at[c];
  };
  for (int x = cover.first; x < cover.last; ++x) add(x, kThumbnailSide);
  if (cover.before != 0) add(cover.first - 1, cover.before);
  if (cover.after != 0) add(cover.last, cover.after);
  return sums;
}

/// Pillow's weights: 16 fractional bits.
std::uint8_t GreyOf(std::uint32_t red, std::uint32_t green,
                    std::uint32_t blue) {
  return static_cast<std::uint8_t>(
      (red * 19595U + green * 38470U + blue * 7471U + 0x8000U) >> 16U);
}

template <typename Sum, int kChannels>
Thumbnail AreaMeans(const DecodedImage& image) {
  const std::size_t row_bytes =
      static_cast<std::size_t>(image.width) * kChannels;
  const std::uint64_t area = static_cast<std::uint64_t>(image.width) *
                             static_cast<std::uint64_t>(image.height);
  std::vector<Sum> sums(row_bytes);
  std::vector<std::uint32_t> totals(row_bytes);
  Thumbnail thumbnail;
  std::uint8_t* out = thumbnail.data();
  for (int j = 0; j < kThumbnailSide; ++j) {
    SumRows(image.pixels.data(), row_bytes, CoverOf(j, image.height), sums,
            totals);
    for (int i = 0; i < kThumbnailSide; ++i) {
      const auto cell = SumColumns<kChannels>(totals, CoverOf(i, image.width));
      const auto mean = [&](std::size_t channel) {
        return static_cast<std::uint32_t>((cell[channel] + area / 2) / area);
      };
      if constexpr (kChannels == 1)
        *out++ = static_cast<std::uint8_t>(mean(0));
      else
        *out++ = GreyOf(mean(0), mean(1), mean(2));
    }
  }
  return thumbnail;
}

template <typename Sum>
Thumbnail AreaMeans(const DecodedImage& image) {
  return image.channels == 1 ? AreaMeans<Sum, 1>(image)
                             : AreaMeans<Sum, 3>(image);
}

}  // namespace

Thumbnail MakeThumbnail(const DecodedImage& image) {
  constexpr int kMostRows = 65535 / 255 - 1;
  return image.height / kThumbnailSide <= kMostRows
             ? AreaMeans<std::uint16_t>(image)
             : AreaMeans<std::uint32_t>(image);
}

}  // namespace besom::stages
