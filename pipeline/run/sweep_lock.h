#pragma once

#include <functional>
#include <string>

#include "pipeline/base/result.h"
#include "pipeline/run/holder_judge.h"
#include "pipeline/store/file_lock.h"

namespace besom::run {

struct SweepLockRequest {
  std::string sweep;  ///< For messages.
  std::string shard;  ///< As "0/3", where the lock is of one; for messages.
  Path path;
  bool wait = false;   ///< Until the one that has it ends.
  bool steal = false;  ///< The user says that who has it is dead.
  std::function<int()> stop_requests;  ///< Of the user, while waiting.
  std::function<void(double)> sleep;   ///< For so many seconds.
};

/// What makes a run the only one of its sweep. Whoever has it may take it from
/// a run that is dead by Slurm's or the user's word; that run, should it live
/// after all, learns it from IsOurs.
class SweepLock {
 public:
  /// Takes it from nobody, or from a dead one. kInterrupted, naming the holder,
  /// while another run has it, or may have it where there are no locks to tell.
  static Result<SweepLock> Take(const SweepLockRequest& request,
                                HolderJudge& judge,
                                const LockCalls& calls = LockCalls::System());
  /// Where there are no locks, the file is removed: it is all that tells.
  ~SweepLock();
  SweepLock(SweepLock&& other) = default;
  SweepLock& operator=(SweepLock&&) = delete;

  /// Removes the file, so that nothing is left of the lock.
  void RemoveFile() { lock_.RemoveFile(); }

  /// False once another run has taken the sweep over.
  bool IsOurs() const { return lock_.IsNamed(); }
  /// False on a file system without locks: nothing keeps others out then but
  /// the file.
  bool works() const { return works_; }
  /// Why it was taken from `robbed`; "" = nobody had it.
  const std::string& why() const { return why_; }
  /// What that one wrote when it took the lock.
  const std::string& robbed() const { return robbed_; }

 private:
  SweepLock(FileLock lock, bool works, std::string why, std::string robbed)
      : lock_(std::move(lock)),
        works_(works),
        why_(std::move(why)),
        robbed_(std::move(robbed)) {}

  FileLock lock_;  ///< Of nothing once moved from.
  bool works_;
  std::string why_, robbed_;
};

/// Tells a run's loop that it has lost its sweep; looks once a second. Borrows.
class SweepLockWatch {
 public:
  SweepLockWatch(const SweepLock& lock, const Clock& clock)
      : lock_(lock), clock_(clock) {}
  bool IsLost();

 private:
  const SweepLock& lock_;
  const Clock& clock_;
  double next_look_ = 0;
  bool is_lost_ = false;
};

}  // namespace besom::run
