#pragma once

#include "pipeline/base/clock.h"

namespace besom::testing {

/// A clock that stands still until it is told otherwise.
class ManualClock final : public Clock {
 public:
  double Monotonic() const override { return now; }
  double Wall() const override { return 1e9 + now; }
  double now = 100;
};

}  // namespace besom::testing
