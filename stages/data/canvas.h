#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/data/bitmap_font.h"

namespace besom::stages {

/// A square picture: `size` x `size`, `channels` 1 or 3, interleaved. Empty
/// pixels = an empty place.
struct SheetTile {
  std::vector<std::uint8_t> pixels;
  int size = 0;
  int channels = 1;
};

/// A dark RGB page of pictures and words. One thread at a time.
class Canvas {
 public:
  using Color = std::array<std::uint8_t, 3>;
  /// What a letter takes, with the gap behind it.
  static constexpr int kLetterWidth = kGlyphWidth + 1;
  static constexpr int kLetterHeight = kGlyphHeight;

  Canvas(int width, int height);

  /// REQUIRES: on the page.
  void Set(int x, int y, const Color& color);
  /// Letters of GlyphOf from (x, y), the upper left corner, on; those that do
  /// not fit on the page are left out.
  void Write(int x, int y, std::string_view text);
  /// The picture in `side` x `side` pixels: averaged down, or each pixel
  /// repeated.
  void Draw(int x, int y, int side, const SheetTile& tile);

  /// A PNG file.
  Result<std::string> Encode() const;

 private:
  int width_, height_;
  std::vector<std::uint8_t> pixels_;
};

}  // namespace besom::stages
