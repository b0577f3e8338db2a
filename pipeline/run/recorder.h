#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/run/planner.h"
#include "pipeline/run/record_sink.h"
#include "pipeline/run/task_messages.h"

namespace besom::run {

/// The trials that each task is a part of.
class TrialsByTask {
 public:
  /// `part` chooses the task of a fit.
  TrialsByTask(const SweepGraph& sweep, TaskId PlannedFit::*part);
  std::span<const std::size_t> operator[](TaskId task) const {
    return std::span(trials_).subspan(begin_[task],
                                      begin_[task + 1] - begin_[task]);
  }

 private:
  std::vector<std::size_t> begin_;   // By task, and one more.
  std::vector<std::size_t> trials_;  // Grouped by task.
};

/// Keeps what tasks left behind and how trials stand, and commits it in
/// groups.
///
/// Invariants:
/// (1) A trial becomes done in the same commit as its last fit's rows, and
///     ends once.
/// (2) Nothing waits longer than kCommitWindow for its commit while FlushIfDue
///     is called; Flush commits at once.
/// One thread at a time; borrows everything.
class Recorder {
 public:
  static constexpr double kCommitWindow = 0.05;  ///< Seconds.

  Recorder(const SweepGraph& sweep, RecordSink& sink, const Clock& clock);

  /// What each finished task left behind.
  const std::vector<std::optional<TaskOutputs>>& outputs() const {
    return outputs_;
  }

  /// Finds which tasks are done already and records what this sweep does not
  /// have yet of them.
  Status FindDone();
  /// Records a task that this run computed. Errors as RecordSink::AddAttempt.
  Status TaskDone(const TaskReport& report, int rank);
  /// Records one that another run computed meanwhile.
  Status TaskFound(TaskId task, const KnownTask& known);
  /// Records one attempt that did not end well.
  Status TaskNotDone(const TaskReport& report, int rank, std::string_view how);
  /// The outputs of a finished task are gone.
  void Forget(TaskId task) { outputs_[task].reset(); }
  /// Marks the trials that need any of `tasks` as failed because of `cause`.
  void TrialsFailed(const std::vector<TaskId>& tasks, const Status& cause);
  void TrialRunning(TaskId fine_tune);
  /// What was begun and not finished waits for the next run.
  void NothingRuns();
  void Event(std::string_view kind, Json text);

  Status FlushIfDue();
  Status Flush();
  /// Seconds until something must be committed; infinity = nothing waits.
  double SecondsToFlush() const;

  std::size_t trials_done() const { return trials_done_; }
  /// (trial, why), in the order in which they failed.
  const std::vector<std::pair<std::size_t, std::string>>& failed() const {
    return failed_;
  }

 private:
  void NoteWaiting();
  void CountFits(TaskId task);

  RecordSink& sink_;
  const Clock& clock_;
  std::vector<std::optional<TaskOutputs>> outputs_;
  TrialsByTask evaluates_, tunes_;
  std::vector<bool> counted_;           // By task: its fits are counted.
  std::vector<std::size_t> fits_left_;  // By trial.
  std::vector<db::TrialState> states_;  // By trial.
  std::vector<std::pair<std::size_t, std::string>> failed_;
  std::size_t trials_done_ = 0;
  std::optional<double> oldest_;  // When the first uncommitted fact came.
};

}  // namespace besom::run
