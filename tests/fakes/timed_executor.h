#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "pipeline/run/executor.h"
#include "tests/fakes/manual_clock.h"

namespace besom::testing {

/// An executor whose tasks take time of a ManualClock, which Wait sets on.
class TimedExecutor final : public run::Executor {
 public:
  /// Borrows the clock. `seconds`: of a task; those of a call add up.
  TimedExecutor(ManualClock& clock, int ranks,
                std::function<double(TaskId)> seconds)
      : clock_(clock), seconds_(std::move(seconds)) {
    calls_.resize(static_cast<std::size_t>(ranks));
  }

  std::vector<run::RankTraits> traits() const override {
    return std::vector<run::RankTraits>(calls_.size());
  }
  Status Begin(const run::RunBegins&) override { return Status::Ok(); }
  Status Start(const run::TaskOrder& order) override {
    std::deque<Call>& calls = calls_[order.ranks[0]];
    Call& call = calls.emplace_back();
    call.tasks = {{order.task, order.attempt}};
    for (const run::Companion& companion : order.companions)
      call.tasks.emplace_back(companion.task, companion.attempt);
    for (const auto& [task, attempt] : call.tasks) {
      started[task] = clock_.now;
      call.seconds += seconds_(task);
    }
    if (calls.size() == 1) Begin(call);
    return Status::Ok();
  }
  Status Recall(int rank, TaskId task, int attempt) override {
    std::deque<Call>& calls = calls_[rank];
    for (std::size_t i = 1; i < calls.size(); ++i) {
      if (calls[i].tasks.front() != std::pair(task, attempt)) continue;
      for (const auto& [one, its] : calls[i].tasks)
        events_.push_back({rank, run::TaskReturned{one, its}});
      calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(i));
      break;
    }
    return Status::Ok();
  }
  Result<std::optional<run::ExecutorEvent>> Wait(double seconds) override {
    if (std::exchange(says_nothing, false))
      return std::optional<run::ExecutorEvent>();
    if (events_.empty()) Advance(clock_.now + seconds);
    if (events_.empty()) return std::optional<run::ExecutorEvent>();
    run::ExecutorEvent event = std::move(events_.front());
    events_.pop_front();
    return std::optional(std::move(event));
  }
  void Interrupt(int rank) override {
    interrupted[rank] = clock_.now;
    if (hangs.contains(rank)) return;
    for (const Call& call : std::exchange(calls_[rank], {}))
      Report(rank, call, Status(StatusCode::kInterrupted, "task", "stopped"));
  }
  Status Shutdown() override { return Status::Ok(); }

  std::map<TaskId, double> started;   ///< When it was last.
  std::map<int, double> interrupted;  ///< Ranks, and when.
  std::set<int> hangs;                ///< These hear no interruption.
  std::map<int, double> dies;         ///< Ranks, and when.
  bool says_nothing = false;          ///< At the next Wait.

 private:
  struct Call {
    std::vector<std::pair<TaskId, int>> tasks;
    double seconds = 0, begun = 0, told = 0;
  };

  void Begin(Call& call) { call.begun = call.told = clock_.now; }
  void Report(int rank, const Call& call, const Status& status) {
    for (const auto& [task, attempt] : call.tasks) {
      run::TaskReport report;
      report.task = task;
      report.attempt = attempt;
      report.status = status;
      report.elapsed = clock_.now - call.begun;
      report.seconds = report.elapsed / static_cast<double>(call.tasks.size());
      if (status.ok())
        report.outputs = {{"out", {DigestOf(std::to_string(task)), 1}}};
      events_.push_back({rank, std::move(report)});
    }
  }
  /// To the next moment at which a rank says something, at most to `until`.
  void Advance(double until) {
    double next = until;
    for (const std::deque<Call>& calls : calls_)
      if (!calls.empty()) next = std::min(next, NextWord(calls.front()));
    for (const auto& [rank, when] : dies) next = std::min(next, when);
    // Rank 0 may have been busy with something else.
    next = std::max(next, clock_.now);
    clock_.now = next;
    std::erase_if(dies, [&](const auto& it) {
      if (it.second > next) return false;
      calls_[it.first].clear();
      events_.push_back({it.first, run::RankLost{it.first}});
      return true;
    });
    for (std::size_t rank = 0; rank < calls_.size(); ++rank) {
      std::deque<Call>& calls = calls_[rank];
      if (calls.empty() || NextWord(calls.front()) > next) continue;
      Call& call = calls.front();
      const int number = static_cast<int>(rank);
      if (call.begun + call.seconds > next) {
        call.told = next;
        events_.push_back(
            {number,
             run::TaskProgress{call.tasks[0].first, call.tasks[0].second,
                               (next - call.begun) / call.seconds}});
        continue;
      }
      Report(number, call, Status::Ok());
      calls.pop_front();
      if (!calls.empty()) Begin(calls.front());
    }
  }
  /// Progress every second, and the end.
  static double NextWord(const Call& call) {
    return std::min(call.told + 1, call.begun + call.seconds);
  }

  ManualClock& clock_;
  const std::function<double(TaskId)> seconds_;
  std::vector<std::deque<Call>> calls_;  // By rank.
  std::deque<run::ExecutorEvent> events_;
};

}  // namespace besom::testing
