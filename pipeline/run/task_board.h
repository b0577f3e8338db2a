#pragma once

#include <set>
#include <utility>
#include <vector>

#include "pipeline/graph/task_graph.h"

namespace besom::run {

enum class TaskState {
  kUnneeded,   ///< Nothing that is wanted reads it, or its readers are done.
  kDone,       ///< Its outputs are there.
  kWaiting,    ///< Wanted; some input is not done.
  kReady,      ///< Wanted; every input is done.
  kRunning,    ///< Given to a rank.
  kElsewhere,  ///< Another run of the workspace computes it.
  kHeldBack,   ///< Could run, but is not to be started.
  kFailed,     ///< Given up.
  kSkipped,    ///< An input failed.
};

/// Which tasks of a graph can run: the part of scheduling that knows inputs
/// and readers but no ranks. A pure state machine. Borrows the graph.
///
/// Invariants:
/// (1) A task becomes kReady only when all its inputs are kDone.
/// (2) kFailed and kSkipped are final; kDone is left only through Reopen.
/// (3) Ready tasks are ordered by longest remaining path, then smaller id.
class TaskBoard {
 public:
  /// (-remaining path in seconds, id).
  using ReadySet = std::set<std::pair<double, TaskId>>;

  /// Wants `targets` and, through them, every task that is needed and not in
  /// `done` (one flag a task). `class_of`: a class of each task, from 0, by
  /// which ready ones are kept apart.
  TaskBoard(const TaskGraph& graph, const std::vector<bool>& done,
            const std::vector<TaskId>& targets, std::vector<int> class_of);

  /// The ready tasks of each class.
  const std::vector<ReadySet>& ready() const { return ready_; }
  /// Those of one fusion (TaskNode), from 0.
  const ReadySet& ready_of_fusion(int fusion) const {
    return ready_fused_[fusion];
  }
  bool any_ready() const { return ready_count_ > 0; }
  TaskState state(TaskId task) const { return states_[task]; }
  std::size_t running() const { return running_; }
  std::size_t elsewhere() const { return elsewhere_; }
  std::size_t held_back() const { return held_back_; }
  /// Nothing is ready, running or elsewhere, so that nothing can change by
  /// itself.
  bool finished() const {
    return ready_count_ == 0 && running_ == 0 && elsewhere_ == 0;
  }

  /// kReady -> kRunning.
  void Start(TaskId task);
  /// kRunning -> `why`: kElsewhere or kHeldBack.
  void Defer(TaskId task, TaskState why);
  /// kReady, kRunning, kElsewhere or kHeldBack -> kDone; readers may become
  /// ready.
  void Finish(TaskId task);
  /// kRunning, kElsewhere or kHeldBack -> kReady, or kWaiting when an input was
  /// reopened.
  /// Returns what is skipped because that input failed meanwhile.
  std::vector<TaskId> PutBack(TaskId task);
  /// kRunning -> kFailed; skips all that needs it. Returns the task and those.
  std::vector<TaskId> Fail(TaskId task);
  /// kDone -> wanted again, because its outputs are gone; so are the inputs
  /// that it needs and that are not there. False when one of them failed.
  bool Reopen(TaskId task);
  /// Nothing becomes ready any more.
  void Stop();

 private:
  void MakeReady(TaskId task);
  void TakeFromReady(TaskId task);
  bool Want(TaskId task);
  void MoveFrom(TaskId task);
  void SkipReaders(std::vector<TaskId>& ended);

  const TaskGraph& graph_;
  const std::vector<int> class_of_;
  std::vector<double> paths_;
  std::vector<TaskState> states_;
  // Distinct inputs that are not done, of wanted tasks.
  std::vector<std::size_t> missing_inputs_;
  std::vector<ReadySet> ready_;        // By class.
  std::vector<ReadySet> ready_fused_;  // By fusion.
  std::size_t ready_count_ = 0, running_ = 0, elsewhere_ = 0, held_back_ = 0;
  bool stopped_ = false;
};

}  // namespace besom::run
