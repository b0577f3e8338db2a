#include "pipeline/base/random.h"

#include <cmath>
#include <numbers>
#include <string>

#include "pipeline/base/check.h"
#include "pipeline/base/digest.h"

namespace besom {

std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> c,
                                        std::array<std::uint32_t, 2> k) {
  // Multipliers and Weyl increments: Salmon and others 2011, table 2.
  constexpr std::uint64_t kM0 = 0xD2511F53, kM1 = 0xCD9E8D57;
  constexpr std::uint32_t kW0 = 0x9E3779B9, kW1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = kM0 * c[0], p1 = kM1 * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0],
         static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1],
         static_cast<std::uint32_t>(p0)};
    k[0] += kW0;
    k[1] += kW1;
  }
  return c;
}

KeyedRandom::KeyedRandom(std::uint64_t seed, std::string_view purpose,
                         std::initializer_list<std::uint64_t> indices) {
  // The whole tuple is hashed, so neighbouring keys share no structure; the
  // first two words key the generator, the next two start its counter.
  std::string text = std::to_string(seed);
  text += '/';
  text += purpose;
  for (const std::uint64_t index : indices) {
    text += '/';
    text += std::to_string(index);
  }
  const Digest digest = DigestOf(std::string_view(text));
  const auto word = [&](int i) {
    return static_cast<std::uint32_t>(digest.bytes[4 * i]) << 24 |
           static_cast<std::uint32_t>(digest.bytes[4 * i + 1]) << 16 |
           static_cast<std::uint32_t>(digest.bytes[4 * i + 2]) << 8 |
           digest.bytes[4 * i + 3];
  };
  key_ = {word(0), word(1)};
  counter_ = {0, 0, word(2), word(3)};
}

std::uint32_t KeyedRandom::Next32() {
  if (used_ == 4) {
    block_ = Philox4x32(counter_, key_);
    if (++counter_[0] == 0) ++counter_[1];
    used_ = 0;
  }
  return block_[used_++];
}

std::uint64_t KeyedRandom::Next64() {
  const std::uint64_t high = Next32();
  return high << 32 | Next32();
}

double KeyedRandom::Uniform() {
  return static_cast<double>(Next64() >> 11) * 0x1.0p-53;
}

double KeyedRandom::Uniform(double low, double high) {
  return low + (high - low) * Uniform();
}

std::uint64_t KeyedRandom::Below(std::uint64_t bound) {
  BESOM_CHECK(bound > 0, "no integer lies below 0");
  // Draws above the largest multiple of `bound` would favour small numbers.
  const std::uint64_t limit = ~std::uint64_t{0} - ~std::uint64_t{0} % bound;
  std::uint64_t draw = Next64();
  while (draw >= limit) draw = Next64();
  return draw % bound;
}

double KeyedRandom::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * Uniform());
}

}  // namespace besom
