#include "tests/pipeline/run/simulation/sim_store.h"

namespace besom::testing {

Result<std::vector<std::optional<run::KnownTask>>> SimSink::FindKnown() {
  std::vector<std::optional<run::KnownTask>> known(store_.known.size());
  for (TaskId task = 0; task < known.size(); ++task)
    if (store_.known[task] && store_.Has(task))
      known[task] = run::KnownTask{plan_.outputs[task], 1};
  return known;
}

/// The rows of an evaluation come from what it left behind.
bool SimSink::CanRead(TaskId task) const {
  return plan_.sweep.graph[task].stage != "evaluate" ||
         store_.blobs[task] == SimStore::Blob::kWhole;
}

Status SimSink::AddAttempt(const run::AttemptRecord& attempt) {
  if (attempt.outcome != "done") return Status::Ok();
  if (!CanRead(attempt.task)) return CorruptError("rows", "damaged");
  done_.push_back(attempt.task);
  return Status::Ok();
}

Status SimSink::AddFound(TaskId task, const run::KnownTask&) {
  if (!CanRead(task)) return CorruptError("rows", "damaged");
  return Status::Ok();
}

void SimSink::AddTrial(std::size_t trial, db::TrialState state, std::string) {
  trials_.emplace_back(trial, state);
}

Status SimSink::Commit() {
  for (const TaskId task : done_) store_.known[task] = true;
  for (const auto& [trial, state] : trials_) {
    store_.states[trial] = state;
    if (state == db::TrialState::kDone || state == db::TrialState::kFailed)
      ++store_.ends[trial];
  }
  done_.clear();
  trials_.clear();
  return Status::Ok();
}

}  // namespace besom::testing
