#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/results_store.h"
#include "pipeline/base/clock.h"
#include "pipeline/run/planner.h"
#include "pipeline/run/task_messages.h"
#include "pipeline/store/blob_store.h"

namespace besom::run {

/// Turns what happens to tasks into rows, and commits them in groups.
///
/// Invariants:
/// (1) A trial becomes done in the same transaction as its last fit's rows.
/// (2) Nothing waits longer than kCommitWindow for its commit while events
///     come in; Flush commits at once.
/// One thread at a time; borrows everything.
class Recorder {
 public:
  static constexpr double kCommitWindow = 0.05;  ///< Seconds.

  Recorder(const SweepGraph& sweep, db::SweepId id, db::ResultsStore& results,
           BlobStore& blobs, const Clock& clock);

  /// Outputs of finished tasks, by task; filled here, read by the coordinator.
  const std::vector<std::optional<std::map<std::string, BlobRef>>>& outputs()
      const {
    return outputs_;
  }

  /// Finds which tasks are done already (action known, every blob there) and
  /// records the rows of evaluations that this sweep does not have yet.
  Status FindDone();
  /// Records a finished task.
  Status TaskDone(const TaskReport& report, int rank);
  /// Records one run of a task that did not end well.
  void TaskNotDone(const TaskReport& report, int rank, std::string_view how);
  /// Marks the trials that need any of `tasks` as failed because of `cause`.
  void TrialsFailed(const std::vector<TaskId>& tasks, const Status& cause);
  void TrialRunning(TaskId fine_tune);
  void Event(std::string_view kind, Json text);

  /// Commits when the window is over. Flush: commits now.
  Status FlushIfDue();
  Status Flush();

  std::size_t trials_done() const { return trials_done_; }
  std::size_t trials_failed() const { return failed_.size(); }

 private:
  struct FitPlace {
    std::size_t trial, fit;
  };

  Status RecordRows(TaskId task);
  Status RecordImages(TaskId split);
  Status RecordEvaluation(TaskId task);
  Status RecordContactSheet(TaskId augment);
  void CountFit(std::size_t trial);
  Result<Artifact> OutputOf(TaskId task, const std::string& port);

  const SweepGraph& sweep_;
  const db::SweepId id_;
  db::ResultsStore& results_;
  BlobStore& blobs_;
  const Clock& clock_;
  std::vector<std::optional<std::map<std::string, BlobRef>>> outputs_;
  std::unordered_map<TaskId, std::vector<FitPlace>> fits_of_;  // By evaluate.
  std::unordered_map<TaskId, std::vector<std::size_t>> trials_of_;  // By tune.
  std::vector<std::size_t> fits_left_;                              // By trial.
  std::vector<bool> trial_done_;
  std::unordered_map<std::size_t, std::string> failed_;
  std::vector<double> seconds_;  // By task, of its computing.
  std::size_t trials_done_ = 0;
  db::CommitBatch batch_;
  double oldest_ = 0;  // When the first row of the batch came.
};

}  // namespace besom::run
