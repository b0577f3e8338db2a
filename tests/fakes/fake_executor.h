#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "pipeline/run/executor.h"

namespace besom::testing {

/// An executor without threads or processes: every task ends at the next
/// Wait, as its script says.
class FakeExecutor final : public run::Executor {
 public:
  /// `run` makes the report of a request (blobs already stored).
  FakeExecutor(int ranks,
               std::function<run::TaskReport(const run::TaskRequest&)> run)
      : ranks_(ranks), run_(std::move(run)) {}

  std::vector<run::RankTraits> traits() const override {
    return std::vector<run::RankTraits>(static_cast<std::size_t>(ranks_));
  }
  Status Begin(const run::RunBegins&) override { return Status::Ok(); }
  Status Start(const run::TaskOrder& order) override {
    started.push_back(run::RequestOf(order));
    queue_.emplace_back(order.ranks[0], started.back());
    for (const run::Companion& companion : order.companions) {
      run::TaskOrder alone = order;
      alone.task = companion.task;
      alone.attempt = companion.attempt;
      alone.node = companion.node;
      alone.companions.clear();
      started.push_back(run::RequestOf(alone));
      queue_.emplace_back(order.ranks[0], started.back());
    }
    return Status::Ok();
  }
  Status Recall(int, TaskId, int) override { return Status::Ok(); }
  Result<std::optional<run::ExecutorEvent>> Wait(double) override {
    if (queue_.empty()) return std::optional<run::ExecutorEvent>();
    if (hang_at_task.contains(queue_.front().second.task))
      return std::optional<run::ExecutorEvent>();
    auto [rank, request] = std::move(queue_.front());
    queue_.pop_front();
    if (die_at_task.contains(request.task)) {
      die_at_task.erase(request.task);
      return std::optional(run::ExecutorEvent{rank, run::RankLost{rank}});
    }
    return std::optional(run::ExecutorEvent{rank, run_(request)});
  }
  void Interrupt(int rank) override { interrupted.insert(rank); }
  Status Shutdown() override { return Status::Ok(); }

  std::vector<run::TaskRequest> started;  ///< With companions one by one.
  std::set<TaskId> die_at_task;           ///< The rank that gets it dies.
  std::set<TaskId> hang_at_task;          ///< Never ends.
  std::set<int> interrupted;              ///< Ranks.

 private:
  const int ranks_;
  const std::function<run::TaskReport(const run::TaskRequest&)> run_;
  std::deque<std::pair<int, run::TaskRequest>> queue_;
};

}  // namespace besom::testing
