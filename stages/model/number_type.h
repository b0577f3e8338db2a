#pragma once

#include <cstdint>
#include <span>

namespace besom::stages {

/// What the numbers of feature rows are; in memory all are floats.
enum class NumberType { kFloat32, kBfloat16 };

/// The nearest number of bfloat16 (1 sign, 8 exponent, 7 fraction bits: the
/// upper half of a float), the even one on ties; NaN stays NaN.
std::uint16_t ToBfloat16(float number);
float FromBfloat16(std::uint16_t half);

/// Rounds each to bfloat16.
void RoundToBfloat16(std::span<float> numbers);

}  // namespace besom::stages
