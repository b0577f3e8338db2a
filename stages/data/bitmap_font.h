#pragma once

#include <array>
#include <cstdint>

namespace besom::stages {

inline constexpr int kGlyphWidth = 5;
inline constexpr int kGlyphHeight = 7;

/// A letter as 7 rows of 5 dots; the lowest bit of a row is its right dot.
using Glyph = std::array<std::uint8_t, kGlyphHeight>;

/// The letter of an ASCII character: capitals (small letters are raised),
/// digits and `. - _ / : + %`; empty for space, a box for anything else.
const Glyph& GlyphOf(char character);

}  // namespace besom::stages
