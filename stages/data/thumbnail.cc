#include "stages/data/thumbnail.h"

#include <algorithm>
#include <vector>

#include "stages/data/resize.h"

namespace besom::stages {
namespace {

/// Sums `rows` rows of `bytes` bytes, column by column.
void SumRows(const std::uint8_t* from, std::size_t bytes, int rows,
             std::uint32_t* sums) {
  std::fill_n(sums, bytes, 0U);
  for (int y = 0; y < rows; ++y, from += bytes)
    for (std::size_t x = 0; x < bytes; ++x) sums[x] += from[x];
}

/// Means over blocks of `across` x `down` pixels; those at the right and lower
/// border may be smaller.
DecodedImage Reduced(const DecodedImage& image, int across, int down) {
  DecodedImage reduced;
  reduced.width = (image.width + across - 1) / across;
  reduced.height = (image.height + down - 1) / down;
  reduced.channels = image.channels;
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t row_bytes =
      static_cast<std::size_t>(image.width) * channels;
  reduced.pixels.reserve(static_cast<std::size_t>(reduced.width) *
                         static_cast<std::size_t>(reduced.height) * channels);
  std::vector<std::uint32_t> sums(row_bytes);
  for (int y = 0; y < image.height; y += down) {
    const int rows = std::min(down, image.height - y);
    SumRows(&image.pixels[static_cast<std::size_t>(y) * row_bytes], row_bytes,
            rows, sums.data());
    for (int x = 0; x < image.width; x += across) {
      const int columns = std::min(across, image.width - x);
      const auto area = static_cast<std::uint32_t>(rows * columns);
      for (std::size_t c = 0; c < channels; ++c) {
        std::uint32_t sum = area / 2;
        for (int i = 0; i < columns; ++i)
          sum += sums[static_cast<std::size_t>(x + i) * channels + c];
        reduced.pixels.push_back(static_cast<std::uint8_t>(sum / area));
      }
    }
  }
  return reduced;
}

/// Pillow's weights: 16 fractional bits.
std::uint8_t GreyOf(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>(
      (rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16U);
}

}  // namespace

Thumbnail MakeThumbnail(const DecodedImage& image) {
  const ResizeSettings settings{kThumbnailSide, ResizeMode::kStretch,
                                Interpolation::kBilinear};
  const int across = std::max(1, image.width / kLeastThumbnailSource);
  const int down = std::max(1, image.height / kLeastThumbnailSource);
  const std::vector<std::uint8_t> small =
      across * down == 1 ? ResizeImage(image, settings)
                         : ResizeImage(Reduced(image, across, down), settings);
  Thumbnail thumbnail;
  if (image.channels == 1)
    std::copy(small.begin(), small.end(), thumbnail.begin());
  else
    for (std::size_t i = 0; i < thumbnail.size(); ++i)
      thumbnail[i] = GreyOf(&small[3 * i]);
  return thumbnail;
}

}  // namespace besom::stages
