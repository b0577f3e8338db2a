#include "stages/data/canvas.h"

#include <algorithm>
#include <cstddef>

#include "pipeline/base/check.h"
#include "stages/data/png_writer.h"

namespace besom::stages {
namespace {

constexpr std::uint8_t kPaper = 24, kInk = 230, kEmpty = 40;

Canvas::Color Average(const SheetTile& tile, int side, int column, int row) {
  const int left = column * tile.size / side, top = row * tile.size / side;
  const int right = std::max(left + 1, (column + 1) * tile.size / side);
  const int bottom = std::max(top + 1, (row + 1) * tile.size / side);
  Canvas::Color color{};
  for (std::size_t c = 0; c < color.size(); ++c) {
    int sum = 0;
    for (int y = top; y < bottom; ++y)
      for (int x = left; x < right; ++x)
        sum += tile.pixels[(static_cast<std::size_t>(y) * tile.size + x) *
                               tile.channels +
                           (tile.channels == 3 ? c : 0)];
    const int count = (right - left) * (bottom - top);
    color[c] = static_cast<std::uint8_t>((sum + count / 2) / count);
  }
  return color;
}

}  // namespace

Canvas::Canvas(int width, int height)
    : width_(width),
      height_(height),
      pixels_(static_cast<std::size_t>(width) * height * 3, kPaper) {}

void Canvas::Set(int x, int y, const Color& color) {
  BESOM_CHECK(x >= 0 && x < width_ && y >= 0 && y < height_,
              std::to_string(x) + ", " + std::to_string(y));
  std::ranges::copy(
      color,
      pixels_.begin() + (static_cast<std::ptrdiff_t>(y) * width_ + x) * 3);
}

void Canvas::Write(int x, int y, std::string_view text) {
  for (const char character : text) {
    if (x + kGlyphWidth > width_) return;
    const Glyph& glyph = GlyphOf(character);
    for (int row = 0; row < kGlyphHeight; ++row)
      for (int column = 0; column < kGlyphWidth; ++column)
        if ((glyph[static_cast<std::size_t>(row)] >>
                 (kGlyphWidth - 1 - column) &
             1) != 0)
          Set(x + column, y + row, {kInk, kInk, kInk});
    x += kLetterWidth;
  }
}

void Canvas::Draw(int x, int y, int side, const SheetTile& tile) {
  for (int row = 0; row < side; ++row)
    for (int column = 0; column < side; ++column)
      Set(x + column, y + row,
          tile.pixels.empty() ? Color{kEmpty, kEmpty, kEmpty}
                              : Average(tile, side, column, row));
}

Result<std::string> Canvas::Encode() const {
  return EncodePng(pixels_, width_, height_, 3);
}

}  // namespace besom::stages
