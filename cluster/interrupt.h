#pragma once

#include <functional>
#include <mutex>
#include <thread>

namespace besom::cluster {

/// Counts the requests to stop that this process gets: SIGINT, SIGTERM,
/// SIGUSR1 (mpirun forwards it to the ranks), and SIGHUP unless it was ignored
/// (nohup). While it lives, these signals do nothing else. At most one at a
/// time in a process. Thread safety: any thread.
class Interrupt {
 public:
  Interrupt();
  /// Puts the earlier handlers back.
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// How many signals came so far.
  int count() const;
  bool requested() const { return count() > 0; }
  /// The last signal, 0 when none came.
  int last_signal() const;

  /// Counts one more, as a signal does; says 0 for the signal.
  void Request();

  /// Has `callback` called after each signal, from a thread of this object,
  /// not from the handler; at once when signals came already. An empty one
  /// ends that; after the return the earlier one does not run any more. Not
  /// to be called from a callback.
  void SetCallback(std::function<void()> callback);

  /// A file descriptor that is readable once a signal came, and stays so until
  /// Drain(): for poll(). Borrowed.
  int fd() const;
  /// Makes fd() unreadable until the next signal.
  void Drain();

 private:
  void Relay();

  std::mutex mutex_;
  std::function<void()> callback_;  // Guarded by mutex_.
  bool stopping_ = false;           // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace besom::cluster
