#pragma once

#include <condition_variable>
#include <mutex>

namespace besom::cluster {

/// Waits of this many seconds and more have no end: they would overflow the
/// clock's nanoseconds.
inline constexpr double kForeverSeconds = 1e9;

/// Wakes one waiting thread; a signal that comes before the wait is kept, and
/// several count as one. Thread safety: any thread sets, one waits.
class WakeSignal {
 public:
  void Set();
  /// Waits for Set(), at most `seconds` (0 looks only, infinity: for ever),
  /// and takes the signal. Returns whether there was one.
  bool Wait(double seconds);

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool set_ = false;  // Guarded by mutex_.
};

}  // namespace besom::cluster
