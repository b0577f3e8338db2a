#pragma once

#include <functional>
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

/// Whether a rank sees the workspace of rank 0.
struct WorkspaceSight {
  enum class Kind { kSees, kMisses, kSilent };
  Kind kind = Kind::kSees;
  std::string host;  ///< Its name; "" when silent.
};

/// Runs tasks on ranks. One thread at a time.
class Executor {
 public:
  virtual ~Executor() = default;
  /// By rank, 0 .. ranks() - 1; 0 is this process.
  virtual std::vector<RankTraits> traits() const = 0;
  int ranks() const { return static_cast<int>(traits().size()); }
  /// Asks all ranks whether they see `token` in their workspace. Waits until
  /// each has answered or is lost, `wait` says for how long yet (seconds; 0
  /// ends it). By rank. Before Begin; ranks of one process need no asking.
  virtual Result<std::vector<WorkspaceSight>> AskForToken(
      const WorkspaceToken&, const std::function<double()>& /*wait*/) {
    return std::vector<WorkspaceSight>(traits().size());
  }
  /// Has the ranks that do not see the workspace (or did not say) keep blobs in
  /// a store of their host's own, which rank 0 fills and is given all of. Files
  /// of the data are then read on this host alone. Before Begin.
  virtual void KeepApart(const std::vector<WorkspaceSight>&) {}
  /// Tells the ranks about the run, before any task.
  virtual Status Begin(const RunBegins& run) = 0;
  /// Queues a task at all of order.ranks; each of them reports. Its companions
  /// go with it, and are reported one by one.
  virtual Status Start(const TaskOrder& order) = 0;
  /// Asks for a task back that `rank` has not begun; if so it returns it, and
  /// all that is in one call with it.
  virtual Status Recall(int rank, TaskId task, int attempt) = 0;
  /// Waits up to `seconds` for the next event; none when the time is over. A
  /// rank that says late that it does not see the workspace counts as lost,
  /// unless it was told to keep a store of its own.
  virtual Result<std::optional<ExecutorEvent>> Wait(double seconds) = 0;
  /// Makes what a rank runs end early with kInterrupted, and what waits there.
  virtual void Interrupt(int rank) = 0;
  /// Tells all ranks to leave their loop.
  virtual Status Shutdown() = 0;
};

}  // namespace besom::run
