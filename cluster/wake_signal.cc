#include "cluster/wake_signal.h"

#include <chrono>
#include <utility>

namespace besom::cluster {

void WakeSignal::Set() {
  {
    const std::lock_guard lock(mutex_);
    set_ = true;
  }
  condition_.notify_one();
}

bool WakeSignal::Wait(double seconds) {
  std::unique_lock lock(mutex_);
  const auto is_set = [this] { return set_; };
  if (seconds >= kForeverSeconds) {
    condition_.wait(lock, is_set);
  } else if (seconds > 0) {
    condition_.wait_for(lock, std::chrono::duration<double>(seconds), is_set);
  }
  return std::exchange(set_, false);
}

}  // namespace besom::cluster
