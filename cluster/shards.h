#pragma once

#include <cstddef>
#include <span>

namespace besom::cluster {

/// [begin, end).
struct IndexRange {
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }
  bool operator==(const IndexRange&) const = default;
};

/// The `part`-th of `parts` contiguous pieces of `count` things, in order;
/// where `parts` does not divide `count`, the first pieces have one more. A
/// piece may be empty. This is how a batch is cut into shards, and shards and
/// buckets are dealt to ranks. REQUIRES: 0 <= part < parts.
IndexRange PieceOf(std::size_t count, int parts, int part);

/// sum[i] = parts[0][i] + parts[1][i] + ..., added from left to right, so that
/// the bits do not depend on who adds. `sum` may not overlap a part.
/// REQUIRES: at least one part, each of sum.size() floats.
void AddInOrder(std::span<const float* const> parts, std::span<float> sum);

}  // namespace besom::cluster
