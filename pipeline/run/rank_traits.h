#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace besom::run {

/// What a rank is to the scheduler. Plain data.
struct RankTraits {
  int host = 0;  ///< Equal for ranks of one host.
  /// The numerics tags with which it can compute.
  std::vector<std::string> numerics;
  /// Its GPU, equal for the ranks that share one; -1 = none.
  int gpu = -1;
  std::int64_t host_bytes = 0;  ///< Memory of its host; 0 = not known.
  /// Whether it sees the files that the sweep's data name.
  bool reads_files = true;

  bool operator==(const RankTraits&) const = default;
};

}  // namespace besom::run
