#pragma once

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "pipeline/graph/task_graph.h"

namespace besom::run {

enum class TaskState {
  kUnneeded,  ///< Nothing that is wanted reads it, or its readers are done.
  kDone,      ///< Its outputs are there.
  kWaiting,   ///< Wanted; some input is not done.
  kReady,     ///< Wanted; every input is done.
  kRunning,   ///< Given to a rank.
  kFailed,    ///< Given up.
  kSkipped,   ///< An input failed.
};

/// Decides what runs next. A pure state machine: no clock, no I/O, no threads.
///
/// Invariants:
/// (1) A task is kReady or kRunning only when all its inputs are kDone.
/// (2) kDone, kFailed and kSkipped are final.
/// (3) The order of Next() depends on the graph and the calls alone: longest
///     remaining path first, then the smaller id.
class Scheduler {
 public:
  /// Wants `targets` and, through them, every task that is needed and not in
  /// `done` (one flag a task). Borrows `graph`.
  Scheduler(const TaskGraph& graph, const std::vector<bool>& done,
            const std::vector<TaskId>& targets, int max_retries);

  /// Takes the next ready task for `rank`; none when nothing is ready.
  std::optional<TaskId> Next(int rank);
  /// REQUIRES: the task is kRunning.
  void MarkDone(TaskId task);
  /// Puts the task back when `may_retry` and it has retries left, else fails
  /// it and skips what reads it. Returns the tasks that ended by this (the
  /// task itself and the skipped ones); empty when it will be tried again.
  std::vector<TaskId> MarkFailed(TaskId task, bool may_retry);
  /// Puts the task back without counting a retry (its rank was lost or told
  /// to stop).
  void PutBack(TaskId task);
  /// Starts nothing more; running tasks still report. A stopped scheduler is
  /// finished when none is running.
  void Stop();
  /// The tasks that `rank` is running.
  std::vector<TaskId> RunningOn(int rank) const;

  TaskState state(TaskId task) const { return states_[task]; }
  std::size_t ready() const { return ready_.size(); }
  std::size_t running() const { return running_; }
  /// True when nothing is left to run or running.
  bool finished() const { return ready_.empty() && running_ == 0; }

 private:
  void MakeReady(TaskId task);

  const TaskGraph& graph_;
  const int max_retries_;
  std::vector<double> paths_;
  std::vector<TaskState> states_;
  std::vector<std::size_t> missing_inputs_;
  std::vector<int> failures_;
  std::vector<int> rank_of_;
  std::set<std::pair<double, TaskId>> ready_;  // By (-path, id).
  std::size_t running_ = 0;
  bool stopped_ = false;
};

}  // namespace besom::run
