#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace besom::stages {

/// A two-sided confidence interval, as columns of the `metrics` view.
struct Interval {
  /// Both or neither; neither = not estimable from these data.
  std::optional<double> low, high;
  std::string method;       ///< How it was made ("wilson"); never empty.
  std::int64_t groups = 0;  ///< Independent units that it rests on.
};

}  // namespace besom::stages
