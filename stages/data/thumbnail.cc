#include "stages/data/thumbnail.h"

#include <algorithm>
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

/// The same along a row, for one channel.
std::uint64_t SumColumns(const std::vector<std::uint32_t>& totals,
                         std::size_t channels, std::size_t channel,
                         const Cover& cover) {
  const auto at = [&](int x) {
    return std::uint64_t{
        totals[static_cast<std::size_t>(x) * channels + channel]};
  };
  std::uint64_t sum = 0;
  for (int x = cover.first; x < cover.last; ++x) sum += at(x);
  sum *= kThumbnailSide;
  if (cover.before != 0) sum += cover.before * at(cover.first - 1);
  if (cover.after != 0) sum += cover.after * at(cover.last);
  return sum;
}

/// Pillow's weights: 16 fractional bits.
std::uint8_t GreyOf(std::uint32_t red, std::uint32_t green,
                    std::uint32_t blue) {
  return static_cast<std::uint8_t>(
      (red * 19595U + green * 38470U + blue * 7471U + 0x8000U) >> 16U);
}

template <typename Sum>
Thumbnail AreaMeans(const DecodedImage& image) {
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t row_bytes =
      static_cast<std::size_t>(image.width) * channels;
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
      const Cover cover = CoverOf(i, image.width);
      const auto mean = [&](std::size_t channel) {
        return static_cast<std::uint32_t>(
            (SumColumns(totals, channels, channel, cover) + area / 2) / area);
      };
      *out++ = channels == 1 ? static_cast<std::uint8_t>(mean(0))
                             : GreyOf(mean(0), mean(1), mean(2));
    }
  }
  return thumbnail;
}

}  // namespace

Thumbnail MakeThumbnail(const DecodedImage& image) {
  constexpr int kMostRows = 65535 / 255 - 1;
  return image.height / kThumbnailSide <= kMostRows
             ? AreaMeans<std::uint16_t>(image)
             : AreaMeans<std::uint32_t>(image);
}

}  // namespace besom::stages
