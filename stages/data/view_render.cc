#include <algorithm>
#include <cstddef>

#include "stages/data/view_rows.h"

namespace besom::stages {

std::vector<std::uint8_t> RenderView(std::span<const std::uint8_t> pixels,
                                     int size, int channels, const View& view,
                                     AugmentSettings::Fill fill) {
  const ViewRows rows(pixels, size, channels, view, fill);
  std::vector<std::uint8_t> result(pixels.size());
  const std::size_t bytes = static_cast<std::size_t>(size) * channels;
  for (int row = 0; row < size; ++row) {
    const auto to =
        std::span(result).subspan(static_cast<std::size_t>(row) * bytes, bytes);
    const std::span<const std::uint8_t> drawn = rows.Row(row, to);
    if (rows.changes_levels())
      std::ranges::transform(drawn, to.begin(), [&](std::uint8_t level) {
        return rows.levels()[level];
      });
    else if (drawn.data() != to.data())
      std::ranges::copy(drawn, to.begin());
  }
  return result;
}

}  // namespace besom::stages
