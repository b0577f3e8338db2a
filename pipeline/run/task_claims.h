#pragma once

#include <vector>

#include "pipeline/run/record_sink.h"

namespace besom::run {

/// What asking for a task gave.
struct ClaimOutcome {
  enum class Kind {
    kMine,       ///< Nobody else computes it until it is released.
    kElsewhere,  ///< A living run computes it.
    kDone,       ///< Another run has finished it: `known`.
  };
  Kind kind = Kind::kMine;
  KnownTask known;
};

/// Keeps several runs of one workspace from computing the same task. A claim
/// ends with the commit of its task, when it is released, or with its run.
class TaskClaims {
 public:
  virtual ~TaskClaims() = default;
  /// One outcome per task. Asking again for one's own is no error.
  virtual Result<std::vector<ClaimOutcome>> Claim(
      const std::vector<TaskId>& tasks) = 0;
  virtual Status Release(TaskId task) = 0;
  /// What a finished task left behind cannot be read: it counts as undone.
  virtual Status Discard(TaskId task) = 0;
};

}  // namespace besom::run
