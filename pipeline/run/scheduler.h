#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "pipeline/run/assignment.h"
#include "pipeline/run/open_ranks.h"
#include "pipeline/run/rank_queue.h"
#include "pipeline/run/task_board.h"

namespace besom::run {

/// Decides which rank runs what next. A pure state machine: time is given to
/// it, there is no I/O and no thread. Borrows the graph.
///
/// Invariants:
/// (1) What is handed out depends on the graph and the calls alone: longest
///     remaining path first; among tasks about as urgent, one whose inputs
///     the rank has made; ranks with nothing to do before others. A rank gets
///     only what it can compute and what fits into the memory that it shares.
/// (2) A rank that does not complete a unit of work within its lease loses its
///     tasks and gets no others until it is heard of again. The answer of an
///     attempt that was given up still counts when the task is not done:
///     outputs are a function of the task.
/// (3) A task that runs on several ranks, or alone on its host, is never
///     overtaken for ever: while it is the most urgent nothing else starts. Nor
///     is one that waits for memory: nothing less urgent takes that.
/// (4) A rank gets tasks of one fusion together, as many as leave some for each
///     other rank. Those of a call with which a rank was lost or fell silent
///     are given out one by one from then on: only one of them may be at fault.
class Scheduler {
 public:
  Scheduler(const TaskGraph& graph, const std::vector<bool>& done,
            const std::vector<TaskId>& targets, SchedulerOptions options);

  /// The next task for a rank with room for it, if any. It is then running.
  std::optional<Assignment> Next(double now);
  /// A queued task to ask back from a busy rank for an idle one.
  std::optional<Assignment> NextRecall();
  /// Whether Done of this attempt would return kCounts.
  bool WouldCount(int rank, TaskId task, int attempt) const;
  /// A rank reports that it computed the task.
  Verdict Done(int rank, TaskId task, int attempt, double now);

  /// A rank reports that it could not. `may_pass`: trying again may help.
  using Failure = TaskFailure;
  Failure Failed(int rank, TaskId task, int attempt, bool may_pass, double now);
  /// As Failed for want of memory: tried again with its host to itself.
  Failure OutOfMemory(int rank, TaskId task, int attempt, double now);
  /// A rank gives a task back, as asked or interrupted; no retry is counted.
  Failure Returned(int rank, TaskId task, int attempt, double now);
  /// As MemoryBook::Measured.
  void Measured(TaskId task, std::int64_t peak, std::int64_t device_bytes) {
    memory_.Measured(task, peak, device_bytes);
  }
  /// A unit of work was completed.
  void Renew(int rank, TaskId task, int attempt, double now);

  /// For so many seconds nobody was listened to: they count for no lease.
  void Extend(double seconds);
  /// The rank is gone; all that it held runs elsewhere.
  RankLoss RankLost(int rank);
  /// Takes the tasks of ranks whose lease is over.
  LeaseExpiry Expire(double now);
  /// When Expire may next find something.
  double next_deadline() const { return next_deadline_; }

  /// A task was handed out but not sent, because `why` (TaskBoard::Defer).
  void Defer(const Assignment& assignment, TaskState why, double now);
  /// Another run has computed a deferred task, or it is to run here after all.
  void DoneElsewhere(TaskId task) { board_.Finish(task); }
  std::vector<TaskId> Resume(TaskId task) { return board_.PutBack(task); }
  /// As Defer, but it is ready again; nothing more joins its bundle.
  void TakeBack(const Assignment& assignment, double now);
  /// From now on ranks hold only what they run.
  void StopQueueing();

  /// The outputs of a finished task are gone. False: they cannot be made.
  bool Reopen(TaskId task) { return board_.Reopen(task); }
  /// Hands out nothing more; what runs still reports.
  void Stop() { board_.Stop(); }
  TaskState state(TaskId task) const { return board_.state(task); }
  const TaskBoard& board() const { return board_; }
  bool finished() const { return board_.finished(); }
  const RankQueue& queue(int rank) const { return ranks_[rank]; }
  /// A wanted task that no rank of this job, lost or not, can compute.
  std::optional<TaskId> FirstUnsuited() const;
  /// Nothing runs, and no rank that is heard of could run what is ready.
  bool helpless() const;
  /// A rank is there that was not heard of since its lease was over.
  bool any_silent_rank() const;
  /// The latest attempt at a task; 0 = never handed out.
  int attempt(TaskId task) const { return attempts_[task]; }

 private:
  using Held = HeldTask;
  using Rank = RankQueue;
  void Relist(int rank);
  void SetDeadline(int rank, double now);
  void Hear(int rank);
  std::size_t UsableFor(TaskId task) const;
  const Held* Find(int rank, TaskId task, int attempt) const;
  Held* Find(int rank, TaskId task, int attempt);
  void Hold(int rank, Held held, double now);
  std::optional<Held> Drop(int rank, TaskId task, int attempt, double now);
  void GiveUp(TaskId task);
  std::vector<TaskId> Retry(TaskId task);
  bool NeedsSeveral(TaskId task) const;
  void SortClasses();
  std::optional<Assignment> GiveToOne(TaskId first, double now);
  std::optional<Assignment> GiveToSeveral(TaskId task, double now);
  Assignment Give(TaskId task, int rank, double now);
  bool IsFused(TaskId task) const;
  Assignment GiveFirst(TaskId first, int rank, double now);
  std::optional<Assignment> NextCompanion(double now);
  void Suspect(const std::vector<Held>& held, std::size_t running);
  int PreferredRank(TaskId task);

  const TaskGraph& graph_;
  SchedulerOptions options_;
  MemoryBook memory_;
  const Suitability suits_;
  OpenRanks open_;
  TaskBoard board_;
  std::vector<int> attempts_, failures_, expiries_;  // By task.
  std::vector<int> home_;       // By task: the rank that made its outputs.
  std::vector<int> preferred_;  // By task: the rank that made most inputs.
  std::vector<int> leader_;     // By task, while it runs.
  std::map<TaskId, std::vector<int>> others_;  // Beside the leader.
  std::set<TaskId> alone_;       // Ran out of memory: need a host of their own.
  std::set<TaskId> apart_;       // Not in a call with others any more.
  std::int64_t bundle_ = 0;      // The latest one.
  std::size_t bundle_left_ = 0;  // How many more tasks it may take.
  int bundle_rank_ = 0, bundle_fusion_ = 0;
  std::vector<Rank> ranks_;
  std::set<int> loaded_;             // Ranks whose last task may be recalled.
  std::vector<std::size_t> usable_;  // By kind.
  std::size_t recalls_ = 0;
  bool stuck_ = false;       // Nothing that is ready can start now.
  std::vector<int> urgent_;  // Classes with ready tasks, most urgent first.
  std::vector<int> counts_;  // By rank; of PreferredRank, else zeros.
  double next_deadline_ = std::numeric_limits<double>::infinity();
};

}  // namespace besom::run
