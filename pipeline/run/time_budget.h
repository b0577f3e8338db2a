#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/run/assignment.h"
#include "pipeline/run/rank_queue.h"
#include "pipeline/run/task_forecast.h"

namespace besom::run {

struct TimeBudgetOptions {
  double ends_at = 0;  ///< When the job ends; seconds of Clock::Monotonic.
  int ranks = 1;
  int threads = 1;  ///< Of each rank's work.
  /// As RunBegins::checkpoint_seconds.
  double checkpoint_seconds = 60;
};

/// Says what still fits into a job whose end is known: what may be started, and
/// what may go on after a request to stop. Pure: time is given to it. Borrows
/// the graph and the forecast. One thread at a time.
///
/// Invariants:
/// (1) A task of which nobody knows how long it takes fits while work goes on.
/// (2) A fit, which leaves a checkpoint, fits when an epoch of it does, or the
///     time to its first checkpoint.
/// (3) What did not fit once is not looked at again, unless tasks of some kind
///     turn out to take clearly less than predicted.
class TimeBudget {
 public:
  /// All work stops so many seconds before the end: the units of work that run
  /// may take 5 s to end and leave their checkpoints (kStopSeconds of the
  /// coordinator); the last commit, the end of the ranks (2 s where one does
  /// not answer) and of mpirun take the rest.
  static constexpr double kMargin = 9;
  /// Tasks of a kind differ: one fits when so many times what is predicted
  /// does.
  static constexpr double kCaution = 1.25;

  TimeBudget(const TaskGraph& graph, TaskForecast& forecast,
             TimeBudgetOptions options);

  /// Seconds until all work stops; negative when it has to have stopped.
  double Left(double now) const { return options_.ends_at - kMargin - now; }
  double SecondsToEnd(double now) const { return options_.ends_at - now; }

  enum class Fit {
    kFits,
    kNotInThisCall,  ///< The call that it was to join would not end.
    kNotQueued,      ///< Only where nothing is to be waited for.
    kTooLong,
  };
  /// Whether to start what was just handed out; `queue` is that of the rank
  /// that leads it, which holds it already, as its last.
  Fit Judge(const Assignment& given, const RankQueue& queue, double now) const;
  /// Predicted seconds of a task by itself; none: nobody knows.
  std::optional<double> Seconds(TaskId task) const;

  /// A task that is not started because it is too long.
  void HoldBack(TaskId task) { held_back_.push_back(task); }
  std::size_t held_back() const { return held_back_.size(); }
  /// Those held back of which it turned out that they fit, each once.
  std::vector<TaskId> LetGo(double now);

  /// What `rank` holds has changed.
  void Watch(int rank, const RankQueue& queue, double now);
  /// The call that `rank` computes has come so far.
  void Progress(int rank, double share, double now);
  void Learn(const TaskReport& report);
  /// Whether what `rank` computes will end in time; false: nobody knows.
  bool WillEnd(int rank, const RankQueue& queue, double now) const;

 private:
  /// The call that a rank computes.
  struct Call {
    std::int64_t bundle = -1;
    double since = 0;
    // The first and the latest word of its progress.
    std::optional<double> first_at, last_at;
    double first_share = 0, last_share = 0;
  };
  /// Predicted seconds of the tasks begin..end of a queue in one call: of all
  /// their work, or of a unit of each.
  std::optional<double> CallSeconds(const RankQueue& queue, std::size_t begin,
                                    std::size_t end, double ranks,
                                    bool of_a_unit) const;
  bool StartsInTime(TaskId task, double unit, double left) const;
  double SecondsBefore(std::size_t begin, int rank, const RankQueue& queue,
                       double now) const;
  std::optional<double> RestSeconds(int rank, const RankQueue& queue,
                                    double now) const;

  const TaskGraph& graph_;
  TaskForecast& forecast_;
  const TimeBudgetOptions options_;
  std::vector<Call> calls_;  // By rank.
  std::vector<TaskId> held_back_;
  bool look_again_ = false;  // At what is held back.
};

}  // namespace besom::run
