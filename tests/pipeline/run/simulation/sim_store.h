#pragma once

#include <random>
#include <string>
#include <vector>

#include "pipeline/run/record_sink.h"
#include "pipeline/run/task_claims.h"
#include "tests/pipeline/run/simulation/sim_world.h"

namespace besom::testing {

/// What outlives a simulated coordinator: blobs, and committed facts.
class SimStore {
 public:
  enum class Blob : char { kNone, kWhole, kFlipped, kMissing };

  explicit SimStore(const SimPlan& plan)
      : blobs(plan.sweep.graph.size(), Blob::kNone),
        known(plan.sweep.graph.size()),
        states(plan.sweep.trials.size(), db::TrialState::kPending),
        ends(plan.sweep.trials.size()),
        seconds(plan.sweep.graph.size()),
        elapsed(plan.sweep.graph.size()) {}

  bool Has(TaskId task) const {
    return blobs[task] == Blob::kWhole || blobs[task] == Blob::kFlipped;
  }
  bool IsDone(TaskId task) const {
    return known[task] && blobs[task] == Blob::kWhole;
  }

  std::vector<Blob> blobs;             // By task: all its outputs.
  std::vector<bool> known;             // By task: its action is committed.
  std::vector<db::TrialState> states;  // By trial, committed.
  std::vector<int> ends;               // By trial: commits that ended it.
  std::vector<double> seconds;         // By task: of its last run.
  std::vector<double> elapsed;         // By task: of that run's whole call.
  std::size_t silent_ranks = 0;        // Leases that were over.
};

/// Facts that are gone unless they were committed.
class SimSink final : public run::RecordSink {
 public:
  SimSink(const SimPlan& plan, SimStore& store) : plan_(plan), store_(store) {}

  Result<std::vector<std::optional<run::KnownTask>>> FindKnown() override;
  Result<std::vector<db::TrialState>> TrialStates() override {
    return store_.states;
  }
  Status AddAttempt(const run::AttemptRecord& attempt) override;
  Status AddFound(TaskId task, const run::KnownTask& known) override;
  void AddTrial(std::size_t trial, db::TrialState state,
                std::string error) override;
  void AddEvent(std::string_view kind, Json) override {
    store_.silent_ranks += kind == "rank_silent" ? 1 : 0;
  }
  Status Commit() override;

 private:
  bool CanRead(TaskId task) const;

  const SimPlan& plan_;
  SimStore& store_;
  std::vector<TaskId> done_;
  std::vector<std::pair<std::size_t, db::TrialState>> trials_;
};

}  // namespace besom::testing
