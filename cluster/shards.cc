#include "cluster/shards.h"

#include <algorithm>
#include <string>

#include "pipeline/base/check.h"

namespace besom::cluster {

IndexRange PieceOf(std::size_t count, int parts, int part) {
  BESOM_CHECK(part >= 0 && part < parts,
              "piece " + std::to_string(part) + " of " + std::to_string(parts));
  const auto n = static_cast<std::size_t>(parts);
  const auto i = static_cast<std::size_t>(part);
  const std::size_t each = count / n, longer = count % n;
  const std::size_t begin = i * each + std::min(i, longer);
  return {begin, begin + each + (i < longer ? 1 : 0)};
}

void AddInOrder(std::span<const float* const> parts, std::span<float> sum) {
  BESOM_CHECK(!parts.empty(), "nothing to add");
  // Small enough for a block of the sum to stay in the first cache.
  constexpr std::size_t kBlock = 2048;
  for (std::size_t begin = 0; begin < sum.size(); begin += kBlock) {
    const std::size_t n = std::min(kBlock, sum.size() - begin);
    float* const out = sum.data() + begin;
    std::copy_n(parts[0] + begin, n, out);
    for (const float* part : parts.subspan(1)) {
      const float* const in = part + begin;
      for (std::size_t i = 0; i < n; ++i) out[i] += in[i];
    }
  }
}

}  // namespace besom::cluster
