#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/sweep_rows.h"
#include "pipeline/base/result.h"
#include "pipeline/run/task_order.h"

namespace besom::run {

/// The end of one attempt at a task.
struct AttemptRecord {
  TaskId task = 0;
  int attempt = 0;
  int rank = 0;
  std::string_view outcome;  ///< "done", "failed", "lost", "interrupted", ...
  Status status;
  TaskOutputs outputs;  ///< When done.
  Json counters = Json::object();
  double seconds = 0;
  std::string host, device;
};

/// A task that was finished before, by this sweep or another.
struct KnownTask {
  TaskOutputs outputs;
  double seconds = 0;
  bool operator==(const KnownTask&) const = default;
};

/// Where a run's facts go to outlive it. What is added becomes durable, all or
/// nothing, with the next Commit. One thread at a time.
class RecordSink {
 public:
  virtual ~RecordSink() = default;

  /// By task: what is known of it, when all its outputs are there.
  virtual Result<std::vector<std::optional<KnownTask>>> FindKnown() = 0;
  /// By trial of the plan.
  virtual Result<std::vector<db::TrialState>> TrialStates() = 0;

  /// Adds an attempt. An error other than kInternal says that the outputs of
  /// a finished task cannot be read; nothing is added then.
  virtual Status AddAttempt(const AttemptRecord& attempt) = 0;
  /// Adds that the sweep found `task` done; errors as AddAttempt.
  virtual Status AddFound(TaskId task, const KnownTask& known) = 0;
  virtual void AddTrial(std::size_t trial, db::TrialState state,
                        std::string error) = 0;
  virtual void AddEvent(std::string_view kind, Json text) = 0;

  /// Makes everything added since the last time durable.
  virtual Status Commit() = 0;
};

}  // namespace besom::run
