#pragma once

#include <sys/types.h>

#include <vector>

namespace besom::cluster {

/// While it lives, processes below this one whose parent dies become children
/// of this process instead of the system's first. So a launcher can see that
/// the ranks of a killed mpirun are gone. One at a time in a process.
class OrphanKeeper {
 public:
  OrphanKeeper();
  ~OrphanKeeper();
  OrphanKeeper(const OrphanKeeper&) = delete;
  OrphanKeeper& operator=(const OrphanKeeper&) = delete;

  /// Waits until all children that this process did not have when the keeper
  /// was made are gone, at most `seconds`, then ends the rest by SIGKILL.
  /// Returns how many that were.
  int End(double seconds);

 private:
  std::vector<pid_t> NewChildren() const;

  std::vector<pid_t> earlier_;
};

}  // namespace besom::cluster
