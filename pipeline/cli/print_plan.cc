#include "pipeline/cli/print_plan.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cluster/cpu.h"
#include "pipeline/cli/rank_places.h"
#include "pipeline/run/explain.h"
#include "pipeline/run/task_costs.h"

namespace besom::cli {
namespace {

struct Planned {
  run::PreparedSweep sweep;
  std::vector<run::StageForecast> stages;
};

Result<Planned> Plan(const run::RunOptions& options) {
  Planned plan;
  BESOM_ASSIGN_OR_RETURN(plan.sweep, run::ReadSweep(options));
  const WorkspaceLayout layout(options.workspace);
  const BlobStore blobs(layout);
  std::unique_ptr<db::ResultsStore> results;
  if (StatFile(layout.database()).ok()) {
    BESOM_ASSIGN_OR_RETURN(results, db::ResultsStore::Open(layout.database()));
  }
  std::string stored;
  if (results) {
    BESOM_ASSIGN_OR_RETURN(const auto known,
                           results->FindSweep(plan.sweep.spec.name));
    if (known) stored = known->row.numerics;
  }
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> offered,
                         NumericsHere());
  BESOM_RETURN_IF_ERROR(run::ResolveNumerics(plan.sweep, stored, offered));
  run::StoredContentDigests digests(results.get());  // Reads only.
  BESOM_RETURN_IF_ERROR(
      run::PlanGraph(plan.sweep, digests, cluster::UsableCores()));
  BESOM_ASSIGN_OR_RETURN(
      plan.stages, run::Forecast(plan.sweep, results.get(), blobs,
                                 run::RelativeSpeed(cluster::UsableCores())));
  return plan;
}

Json WeightsJson(const std::vector<stages::WeightsInfo>& weights) {
  Json list = Json::array();
  for (const stages::WeightsInfo& info : weights)
    list.push_back({{"backbone", info.backbone},
                    {"weights", info.weights},
                    {"entry", info.entry},
                    {"digest", info.digest},
                    {"path", info.path.string()},
                    {"source", info.source},
                    {"license", info.license}});
  return list;
}

void PrintWeights(const std::vector<stages::WeightsInfo>& weights) {
  for (const stages::WeightsInfo& info : weights) {
    fmt::print("{}: weights {}", info.backbone, info.weights);
    if (!info.entry.empty() && info.entry != info.weights)
      fmt::print(" = {}", info.entry);
    if (!info.path.empty())
      fmt::print(", sha256 {}, {}", info.digest.substr(0, 16),
                 info.path.string());
    fmt::print("\n");
  }
}

void PrintJson(const Planned& plan, double seconds) {
  Json stages = Json::array();
  for (const run::StageForecast& stage : plan.stages) {
    Json reasons = Json::object();
    for (const auto& [reason, count] : stage.reasons) reasons[reason] = count;
    stages.push_back({{"stage", stage.stage},
                      {"tasks", stage.tasks},
                      {"done", stage.done},
                      {"core_seconds", stage.core_seconds},
                      {"measured", stage.measured},
                      {"reasons", std::move(reasons)}});
  }
  const sweeps::TrialPlan& trials = plan.sweep.trials;
  const Json json = {{"sweep", plan.sweep.spec.name},
                     {"trials", plan.sweep.graph.trials.size()},
                     {"considered", trials.considered},
                     {"merged", trials.merged},
                     {"constrained", trials.constrained},
                     {"capped", trials.capped},
                     {"numerics", plan.sweep.numerics.ToText()},
                     {"weights", WeightsJson(plan.sweep.weights)},
                     {"stages", std::move(stages)},
                     {"seconds", seconds}};
  std::printf("%s\n", json.dump(2).c_str());
}

void PrintText(const Planned& plan, const PlanOutput& output, double seconds) {
  const sweeps::TrialPlan& trials = plan.sweep.trials;
  fmt::print("{}: {} trials", plan.sweep.spec.name,
             plan.sweep.graph.trials.size());
  if (trials.merged > 0) fmt::print(", {} more are equal", trials.merged);
  if (trials.constrained > 0)
    fmt::print(", {} refused by constraints", trials.constrained);
  if (trials.capped > 0) fmt::print(", {} cut by run_cap", trials.capped);
  fmt::print("\n");
  PrintWeights(plan.sweep.weights);
  fmt::print("\n{:<10} {:>7} {:>7} {:>7} {:>13}\n", "stage", "tasks", "done",
             "to do", "core seconds");
  for (const run::StageForecast& stage : plan.stages) {
    fmt::print("{:<10} {:>7} {:>7} {:>7} {:>13.1f}{}\n", stage.stage,
               stage.tasks, stage.done, stage.tasks - stage.done,
               stage.core_seconds,
               stage.core_seconds > 0 && !stage.measured ? " (a guess)" : "");
    if (!output.explain) continue;
    for (const auto& [reason, count] : stage.reasons)
      fmt::print("    {} task{}: {}\n", count, count == 1 ? "" : "s", reason);
  }
  fmt::print("\nabout {} on {} rank{}\n", run::Duration(seconds), output.ranks,
             output.ranks == 1 ? "" : "s");
}

}  // namespace

Result<int> PrintPlan(const run::RunOptions& options,
                      const PlanOutput& output) {
  BESOM_ASSIGN_OR_RETURN(const Planned plan, Plan(options));
  const double seconds =
      run::WallSeconds(plan.stages, output.ranks, cluster::UsableCores());
  if (output.json)
    PrintJson(plan, seconds);
  else
    PrintText(plan, output, seconds);
  return 0;
}

}  // namespace besom::cli
