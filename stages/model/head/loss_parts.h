#pragma once

namespace besom::stages {

/// A double as floats, which a group's sums leave alone where all other shards
/// have zeros: 24 bits of 53 each.
inline constexpr int kFloatsOfLoss = 3;

inline void SplitLoss(double value, float* out) {
  for (int i = 0; i < kFloatsOfLoss; ++i) {
    out[i] = static_cast<float>(value);
    value -= static_cast<double>(out[i]);
  }
}

/// The sum of `shards` losses, one after the other.
inline double SumOfLosses(const float* parts, int shards) {
  double sum = 0;
  for (int shard = 0; shard < shards; ++shard, parts += kFloatsOfLoss) {
    double value = 0;
    for (int i = kFloatsOfLoss; i-- > 0;)
      value += static_cast<double>(parts[i]);
    sum += value;
  }
  return sum;
}

}  // namespace besom::stages
