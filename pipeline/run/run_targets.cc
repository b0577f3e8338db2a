#include "pipeline/run/run_targets.h"

#include <algorithm>
#include <optional>

#include "pipeline/run/stage_versions.h"

namespace besom::run {
namespace {

/// Whether a trial that failed in an earlier run is tried again.
bool Retries(const RunOptions& options, const PlannedTrial& trial) {
  return options.rerun == "failed" || options.rerun == "all" ||
         (!options.rerun.empty() && trial.id.starts_with(options.rerun));
}

}  // namespace

Result<TrialStates> StatesOf(db::ResultsStore& results, db::SweepId id) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::TrialStatus> all,
                         results.TrialStates(id));
  TrialStates states;
  for (const db::TrialStatus& status : all) states[status.trial] = status.state;
  return states;
}

std::vector<TaskId> TargetsOf(const SweepGraph& graph,
                              const RunOptions& options,
                              const TrialStates& states,
                              const std::vector<TaskId>& views) {
  const std::vector<std::string>& order = StageOrder();
  const auto rank = [&](const std::string& stage) {
    return std::find(order.begin(), order.end(), stage) - order.begin();
  };
  std::vector<TaskId> targets;
  if (!options.until.empty() && options.until != "evaluate") {
    for (TaskId task = 0; task < graph.graph.size(); ++task)
      if (graph.graph[task].stage != "scan" &&
          rank(graph.graph[task].stage) <= rank(options.until))
        targets.push_back(task);
    return targets;
  }
  for (const PlannedData& data : graph.data) {
    targets.push_back(data.split);
    // No trial waits for it: of several shards one is enough.
    const bool audits = !options.shard || options.shard->index == 0;
    if (data.audit && audits) targets.push_back(*data.audit);
  }
  targets.insert(targets.end(), views.begin(), views.end());
  std::int64_t fresh = 0;
  for (const PlannedTrial& trial : graph.trials) {
    const auto state = states.find(trial.id);
    const db::TrialState known =
        state == states.end() ? db::TrialState::kPending : state->second;
    if (known == db::TrialState::kFailed && !Retries(options, trial)) continue;
    if (known != db::TrialState::kDone) {
      if (options.limit > 0 && fresh == options.limit) continue;
      ++fresh;
    }
    for (const PlannedFit& fit : trial.fits) targets.push_back(fit.evaluate);
  }
  return targets;
}

std::size_t StayFailed(const SweepGraph& sweep, const RunOptions& options,
                       const TrialStates& states) {
  return static_cast<std::size_t>(
      std::ranges::count_if(sweep.trials, [&](const PlannedTrial& trial) {
        const auto state = states.find(trial.id);
        return state != states.end() &&
               state->second == db::TrialState::kFailed &&
               !Retries(options, trial);
      }));
}

}  // namespace besom::run
