#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "pipeline/base/status.h"

namespace besom::cluster {

/// Whether and why a group is broken; see Group. Thread safety: any thread.
class GroupBreak {
 public:
  /// Breaks the group because of member `rank`; only the first call counts,
  /// which returns true. REQUIRES: `reason` is an error.
  bool Set(int rank, const Status& reason);

  bool broken() const { return broken_; }
  /// OK, or kUnavailable with the member and the reason.
  Status status() const;

 private:
  std::atomic<bool> broken_ = false;
  mutable std::mutex mutex_;
  Status status_;  // Guarded by mutex_.
};

/// The reason when a member ends before the sums that it started.
Status LeftError();

/// The reason when members did not come within `seconds`. `who` names them
/// ("; waiting for rank 3") or is empty.
Status LateError(double seconds, const std::string& who);

}  // namespace besom::cluster
