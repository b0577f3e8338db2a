#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace besom::cluster {

/// Watches over the start of MPI, which under fault tolerance waits for ever
/// for a rank that died before it came up. While it lives it ends this process
/// (exit code 3, with a line on standard error) once ranks of this host have
/// been missing beside it for kMissingSeconds, or after kLongestSeconds. The
/// ranks of a host are the children of one parent.
class StartWatch {
 public:
  static constexpr double kMissingSeconds = 1.5;
  static constexpr double kLongestSeconds = 600;

  /// `local_ranks`: of this host; 0 = not known.
  explicit StartWatch(int local_ranks);
  ~StartWatch();
  StartWatch(const StartWatch&) = delete;
  StartWatch& operator=(const StartWatch&) = delete;

 private:
  void Loop(int local_ranks);

  std::mutex mutex_;
  std::condition_variable started_changed_;
  bool started_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

/// The number of children of process `pid`, zombies too; -1 where /proc does
/// not tell.
int ChildrenOf(int pid);

}  // namespace besom::cluster
