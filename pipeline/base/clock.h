#pragma once

#include <cstdint>
#include <string>

namespace besom {

/// Time as the code asks for it, so that tests can bring their own.
/// Thread safety: any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Seconds since an arbitrary start; never goes back.
  virtual double Monotonic() const = 0;
  /// Seconds since 1970-01-01 UTC.
  virtual double Wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  double Monotonic() const override;
  double Wall() const override;
};

/// "2026-03-30T12:00:00Z" of seconds since 1970.
std::string Iso8601(double wall_seconds);

}  // namespace besom
