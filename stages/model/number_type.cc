#include "stages/model/number_type.h"

#include <bit>
#include <cmath>

namespace besom::stages {

std::uint16_t ToBfloat16(float number) {
  auto bits = std::bit_cast<std::uint32_t>(number);
  constexpr std::uint32_t kQuiet = 0x40;
  if (std::isnan(number))
    return static_cast<std::uint16_t>(bits >> 16 | kQuiet);
  // Just below half of the last bit that stays, and one more where that bit is
  // odd: what is above a half, or a half of an odd number, carries into it.
  bits += 0x7fff + (bits >> 16 & 1);
  return static_cast<std::uint16_t>(bits >> 16);
}

float FromBfloat16(std::uint16_t half) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}

void RoundToBfloat16(std::span<float> numbers) {
  for (float& number : numbers) number = FromBfloat16(ToBfloat16(number));
}

}  // namespace besom::stages
