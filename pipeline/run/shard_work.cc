#include "pipeline/run/shard_work.h"

#include <algorithm>
#include <utility>

#include "pipeline/run/known_outputs.h"

namespace besom::run {
namespace {

/// What a shard is asked for, as TargetsOf has it.
std::vector<TaskId> RootsOf(const SweepGraph& sweep, const SweepShard& shard) {
  std::vector<TaskId> roots;
  for (const PlannedData& data : sweep.data) {
    roots.push_back(data.split);
    if (shard.index > 0) continue;
    roots.push_back(data.augment);
    if (data.audit) roots.push_back(*data.audit);
  }
  const SweepShard::Block block = shard.BlockOf(sweep.trials.size());
  for (std::size_t trial = block.first; trial < block.end; ++trial)
    for (const PlannedFit& fit : sweep.trials[trial].fits)
      roots.push_back(fit.evaluate);
  return roots;
}

bool IsDone(const PlannedTrial& trial, const EarlierWork& earlier,
            const BlobStore& blobs) {
  return std::ranges::all_of(trial.fits, [&](const PlannedFit& fit) {
    const std::optional<db::ActionRow>& action = earlier.actions[fit.evaluate];
    return action && OutputsOf(*action, blobs).ok();
  });
}

}  // namespace

std::vector<bool> SharedTasks(const SweepGraph& sweep, int count) {
  // By task: 1 + the last shard that was seen to need it.
  std::vector<int> met(sweep.graph.size());
  std::vector<bool> shared(sweep.graph.size());
  for (int index = 0; index < count; ++index) {
    std::vector<TaskId> open = RootsOf(sweep, {count, index});
    while (!open.empty()) {
      const TaskId task = open.back();
      open.pop_back();
      if (met[task] == index + 1) continue;
      if (met[task] > 0) shared[task] = true;
      met[task] = index + 1;
      for (const TaskInput& input : sweep.graph[task].inputs)
        open.push_back(input.task);
    }
  }
  return shared;
}

std::size_t KeepWorkOf(SweepGraph& sweep, const SweepShard& shard,
                       const EarlierWork& earlier, bool retry_failed,
                       const BlobStore& blobs) {
  const SweepShard::Block block = shard.BlockOf(sweep.trials.size());
  std::size_t failed = 0;
  std::vector<PlannedTrial> work;
  for (std::size_t i = block.first; i < block.end; ++i) {
    PlannedTrial& trial = sweep.trials[i];
    const auto state = earlier.states.find(trial.id);
    const db::TrialState known = state == earlier.states.end()
                                     ? db::TrialState::kPending
                                     : state->second;
    if (known == db::TrialState::kFailed && !retry_failed) {
      ++failed;
      continue;
    }
    if (known == db::TrialState::kDone && IsDone(trial, earlier, blobs))
      continue;
    work.push_back(std::move(trial));
  }
  sweep.trials = std::move(work);
  return failed;
}

}  // namespace besom::run
