#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/base/result.h"

namespace besom::cluster {

/// A process and its program's name, as /proc tells them.
struct Ancestor {
  pid_t pid = 0;
  std::string name;
};

/// The ancestors of this process, nearest first, without process 1.
std::vector<Ancestor> Ancestors();

/// Those whose death leaves this process without a launcher: the nearest, and
/// all up to the first MPI or Slurm daemon (mpirun, prted, srun, ...) if there
/// is one, as in `mpirun sh -c "besom-worker ..."`.
std::vector<pid_t> LauncherChain(const std::vector<Ancestor>& ancestors);

/// Ends this process when its launcher dies, as mpirun killed by SIGKILL does
/// not end its ranks. A thread waits for it (pidfd, the parent-death signal,
/// and a look at the parent twice a second): costs nothing while waiting.
/// At most one at a time in a process. For ranks only: a program started by
/// hand may outlive its shell.
class ParentWatch {
 public:
  struct Options {
    /// Called once, from the watching thread, when the launcher is gone; must
    /// not block. The process may end by itself from then on.
    std::function<void()> on_lost;
    /// Seconds from then until the process is ended with _exit. (Open MPI 5
    /// ends a rank whose MPI has started 1 s after it lost its mpirun.)
    double grace_seconds = 0.8;
    /// Exit code then: 3, the same command resumes.
    int exit_code = 3;
  };

  /// Starts to watch the launcher that this process has now: call it early in
  /// main.
  explicit ParentWatch(Options options);
  /// Stops watching.
  ~ParentWatch();
  ParentWatch(const ParentWatch&) = delete;
  ParentWatch& operator=(const ParentWatch&) = delete;

  bool lost() const { return lost_; }

 private:
  void Watch();
  bool LauncherIsGone() const;
  void WaitForEvent(int milliseconds) const;

  const Options options_;
  const pid_t parent_;
  const std::vector<pid_t> chain_;
  std::vector<int> pid_fds_;  // Of the chain; -1 where there is none.
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> lost_ = false;
  std::thread thread_;
};

}  // namespace besom::cluster
