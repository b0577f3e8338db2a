#pragma once

#include <functional>

#include "pipeline/base/clock.h"
#include "pipeline/base/files.h"

namespace besom {

/// How long a process looks for a committed blob that it does not see (yet),
/// and by which clock.
struct Patience {
  /// On network file systems; the longest that their clients are set up to
  /// keep what they know of a folder.
  static constexpr double kNetworkSeconds = 60;

  /// What is right for a store in `folder`: kNetworkSeconds on a network file
  /// system, none on a local one, where what is written is seen at once.
  static Patience For(const Path& folder);

  double seconds = 0;
  const Clock* clock = nullptr;       ///< Borrowed; null when seconds is 0.
  std::function<void(double)> sleep;  ///< For so many seconds.
};

}  // namespace besom
