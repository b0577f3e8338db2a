#include "pipeline/cli/trained/refit_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "pipeline/base/check.h"
#include "pipeline/run/stage_versions.h"
#include "pipeline/store/action_key.h"

namespace besom::cli {
namespace {

/// Of RefitSplit; bump it when it gives another table.
constexpr int kRefitSplitVersion = 1;

bool IsTrainedOn(const stages::SplitEntry& entry) {
  return std::ranges::any_of(entry.sets, [](const std::string& set) {
    return set == "train" || set == "validation";
  });
}

/// Adds a task whose params and inputs are set.
TaskId AddTask(TaskGraph& graph, TaskNode node, int version) {
  std::vector<std::pair<std::string, Digest>> keys;
  for (const TaskInput& input : node.inputs)
    keys.emplace_back(input.port, graph[input.task].key);
  node.key = ActionKey({node.stage, version, node.params, keys});
  node.fusion = -1;
  node.one_pass = false;
  return graph.Add(std::move(node));
}

/// The same task, reading the split of the refit instead of the sweep's.
TaskNode WithRefitSplit(TaskNode node, const RefitPlan& plan) {
  for (TaskInput& input : node.inputs)
    if (input.task == plan.sweep_split) input.task = plan.refit_split;
  return node;
}

Status SetTraining(Json& train, int epochs) {
  const Json& schedule = train.at("schedule");
  const Json& type = schedule.is_object() ? schedule.at("type") : schedule;
  if (type == "plateau")
    return InvalidError("--refit",
                        "train.schedule: plateau asks validation images, of "
                        "which a refit has none",
                        "leave --refit out, or run the sweep with another "
                        "schedule");
  train["epochs"] = epochs;
  train["early_stopping"]["patience"] = 0;
  train["keep"]["epoch"] = "last";
  return Status::Ok();
}

}  // namespace

stages::SplitTable RefitSplit(const stages::SplitTable& split) {
  stages::SplitTable refit = split;
  refit.repeats = refit.folds = 1;
  refit.receipt = Json::object();
  for (stages::SplitEntry& entry : refit.entries)
    entry.sets = {IsTrainedOn(entry) ? "train" : ""};
  return refit;
}

bool TrainsOnMore(const stages::SplitTable& split) {
  for (std::size_t i = 0; i < split.entries.size(); ++i)
    if (IsTrainedOn(split.entries[i]) && !split.IsEverTrained(i)) return true;
  return false;
}

int RefitEpochs(const std::vector<int>& chosen) {
  BESOM_CHECK(!chosen.empty(), "a trial without fits");
  const auto fits = static_cast<int>(chosen.size());
  const int sum = std::accumulate(chosen.begin(), chosen.end(), fits);
  return (2 * sum + fits) / (2 * fits);
}

Result<RefitPlan> PlanRefit(const run::SweepGraph& sweep, int epochs,
                            bool more_views) {
  const auto versions = run::StageVersions();
  RefitPlan plan{.graph = sweep.graph};
  plan.first = plan.graph.size();
  plan.sweep_split = sweep.data.front().split;
  TaskNode split;
  split.stage = "refit_split";
  split.label = "split of the refit";
  split.params = Json::object();
  split.inputs = {{"split", plan.sweep_split, "split"}};
  plan.refit_split = AddTask(plan.graph, std::move(split), kRefitSplitVersion);
  TaskNode tune = WithRefitSplit(
      sweep.graph[sweep.trials.front().fits.front().fine_tune], plan);
  for (TaskInput& input : tune.inputs) {
    if (input.port != "views" || !more_views) continue;
    TaskNode views = WithRefitSplit(plan.graph[input.task], plan);
    const TaskId made =
        AddTask(plan.graph, std::move(views), versions.at("features"));
    plan.views[made] = std::exchange(input.task, made);
  }
  BESOM_RETURN_IF_ERROR(SetTraining(tune.params.at("train"), epochs));
  tune.params["repeat"] = tune.params["fold"] = 0;
  tune.label = fmt::format("refit, {} epochs: {}", epochs, tune.label);
  plan.fine_tune =
      AddTask(plan.graph, std::move(tune), versions.at("fine_tune"));
  return plan;
}

}  // namespace besom::cli
