#include "stages/data/contact_sheet.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "pipeline/base/check.h"
#include "stages/data/bitmap_font.h"
#include "stages/data/png_writer.h"

namespace besom::stages {
namespace {

constexpr int kMargin = 6;
constexpr int kLetter = kGlyphWidth + 1;
constexpr int kLine = kGlyphHeight + 2 * kMargin;
constexpr std::size_t kLongestCaption = 24;
constexpr std::uint8_t kPaper = 24, kInk = 230, kEmpty = 40;

/// An RGB page.
class Page {
 public:
  Page(int width, int height)
      : width_(width),
        height_(height),
        pixels_(static_cast<std::size_t>(width) * height * 3, kPaper) {}

  void Set(int x, int y, const std::uint8_t* color, int channels) {
    BESOM_CHECK(x >= 0 && x < width_ && y >= 0 && y < height_,
                std::to_string(x) + ", " + std::to_string(y));
    std::uint8_t* to =
        pixels_.data() + (static_cast<std::size_t>(y) * width_ + x) * 3;
    for (int c = 0; c < 3; ++c) to[c] = color[channels == 3 ? c : 0];
  }

  void Write(int x, int y, std::string_view text) {
    for (const char character : text.substr(0, kLongestCaption)) {
      if (x + kGlyphWidth > width_) return;
      const Glyph& glyph = GlyphOf(character);
      for (int row = 0; row < kGlyphHeight; ++row)
        for (int column = 0; column < kGlyphWidth; ++column)
          if ((glyph[static_cast<std::size_t>(row)] >>
                   (kGlyphWidth - 1 - column) &
               1) != 0)
            Set(x + column, y + row, &kInk, 1);
      x += kLetter;
    }
  }

  /// Averages the picture down into `side` x `side` pixels.
  void Draw(int x, int y, int side, const SheetTile& tile) {
    for (int row = 0; row < side; ++row)
      for (int column = 0; column < side; ++column) {
        std::uint8_t color[3] = {kEmpty, kEmpty, kEmpty};
        if (!tile.pixels.empty()) Average(tile, side, column, row, color);
        Set(x + column, y + row, color, 3);
      }
  }

  Result<std::string> Encode() const {
    return EncodePng(pixels_, width_, height_, 3);
  }

 private:
  static void Average(const SheetTile& tile, int side, int column, int row,
                      std::uint8_t* color) {
    const int left = column * tile.size / side, top = row * tile.size / side;
    const int right = std::max(left + 1, (column + 1) * tile.size / side);
    const int bottom = std::max(top + 1, (row + 1) * tile.size / side);
    for (int c = 0; c < 3; ++c) {
      int sum = 0;
      for (int y = top; y < bottom; ++y)
        for (int x = left; x < right; ++x)
          sum += tile.pixels[(static_cast<std::size_t>(y) * tile.size + x) *
                                 tile.channels +
                             (tile.channels == 3 ? c : 0)];
      const int count = (right - left) * (bottom - top);
      color[c] = static_cast<std::uint8_t>((sum + count / 2) / count);
    }
  }

  int width_, height_;
  std::vector<std::uint8_t> pixels_;
};

int CaptionWidth(const std::vector<SheetRow>& rows) {
  std::size_t longest = 0;
  for (const SheetRow& row : rows)
    longest = std::max(longest, std::min(row.caption.size(), kLongestCaption));
  return static_cast<int>(longest) * kLetter;
}

}  // namespace

Result<std::string> ContactSheet(const std::vector<std::string>& columns,
                                 const std::vector<SheetRow>& rows, int tile) {
  BESOM_CHECK(tile >= 8, std::to_string(tile));
  const int left = CaptionWidth(rows) + 2 * kMargin;
  const int step = tile + kMargin;
  Page page(left + static_cast<int>(columns.size()) * step,
            kLine + static_cast<int>(rows.size()) * step + kMargin);
  for (std::size_t c = 0; c < columns.size(); ++c)
    page.Write(left + static_cast<int>(c) * step, kMargin, columns[c]);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const int y = kLine + static_cast<int>(r) * step;
    page.Write(kMargin, y + tile / 2, rows[r].caption);
    for (std::size_t c = 0; c < rows[r].tiles.size() && c < columns.size(); ++c)
      page.Draw(left + static_cast<int>(c) * step, y, tile, rows[r].tiles[c]);
  }
  return page.Encode();
}

}  // namespace besom::stages
