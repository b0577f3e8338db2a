#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/run/rank_traits.h"
#include "pipeline/run/task_messages.h"
#include "pipeline/run/task_order.h"

namespace besom::run {

/// A rank that can no longer answer; its tasks must run elsewhere.
struct RankLost {
  int rank = 0;
};

/// What happened at a rank.
struct ExecutorEvent {
  int rank = 0;
  std::variant<TaskReport, TaskProgress, TaskReturned, RankLost> what;
};

/// Runs tasks on ranks. One thread at a time.
class Executor {
 public:
  virtual ~Executor() = default;
  /// By rank, 0 .. ranks() - 1; 0 is this process.
  virtual std::vector<RankTraits> traits() const = 0;
  int ranks() const { return static_cast<int>(traits().size()); }
  /// Tells the ranks about the run, before anything else.
  virtual Status Begin(const RunBegins& run) = 0;
  /// Queues a task at all of order.ranks; each of them reports. Its companions
  /// go with it, and are reported one by one.
  virtual Status Start(const TaskOrder& order) = 0;
  /// Asks for a task back that `rank` has not begun; if so it returns it, and
  /// all that is in one call with it.
  virtual Status Recall(int rank, TaskId task, int attempt) = 0;
  /// Waits up to `seconds` for the next event; none when the time is over.
  virtual Result<std::optional<ExecutorEvent>> Wait(double seconds) = 0;
  /// Makes what a rank runs end early with kInterrupted, and what waits there.
  virtual void Interrupt(int rank) = 0;
  /// Tells all ranks to leave their loop.
  virtual Status Shutdown() = 0;
};

}  // namespace besom::run
