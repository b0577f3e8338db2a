#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/run/record_sink.h"

namespace besom::testing {

/// Keeps the facts of a run in memory; nothing was known before.
class MemorySink final : public run::RecordSink {
 public:
  MemorySink(std::size_t tasks, std::size_t trials)
      : tasks_(tasks), trials_(trials) {}

  Result<std::vector<std::optional<run::KnownTask>>> FindKnown() override {
    return std::vector<std::optional<run::KnownTask>>(tasks_);
  }
  Result<std::vector<db::TrialState>> TrialStates() override {
    return std::vector<db::TrialState>(trials_, db::TrialState::kPending);
  }
  Status AddAttempt(const run::AttemptRecord& attempt) override {
    attempts.emplace_back(attempt.report.task, attempt.outcome);
    return Status::Ok();
  }
  Status AddFound(TaskId, const run::KnownTask&) override {
    return Status::Ok();
  }
  void AddTrial(std::size_t, db::TrialState, std::string) override {}
  void AddEvent(std::string_view kind, Json text) override {
    events.emplace_back(kind, std::move(text));
  }
  Status Commit() override {
    committed = attempts.size();
    at_commit();
    return Status::Ok();
  }

  /// Task and outcome, in the order of their ends.
  std::vector<std::pair<TaskId, std::string>> attempts;
  std::vector<std::pair<std::string, Json>> events;
  std::size_t committed = 0;  ///< Of the attempts.
  std::function<void()> at_commit = [] {};

 private:
  const std::size_t tasks_, trials_;
};

}  // namespace besom::testing
