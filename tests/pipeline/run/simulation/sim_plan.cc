#include "tests/pipeline/run/simulation/sim_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace besom::testing {
namespace {

/// The ranks that compute trial number `trial` together.
int RanksOf(std::size_t trial, SimTrials trials) {
  constexpr std::array<int, 4> kSeveral = {2, 3, 4, 8};
  const std::size_t each = trials == SimTrials::kMixed ? 3 : 1;
  if (trials == SimTrials::kOfOneRank || trial % each != 0) return 1;
  return kSeveral[trial / each % kSeveral.size()];
}

Json Config(int backbone, std::size_t head, int ranks) {
  Json config = Json::parse(R"({
    "name": "simulated", "seed": 1,
    "ingest": {"classes": ["a", "b"], "image_size": "auto",
      "resize": "stretch", "interpolation": "bilinear",
      "bit_depth_range": "full", "duplicates": "group",
      "on_bad_image": "skip"},
    "split": {"test": 0.2, "validation": 0.2, "folds": 1, "repeats": 1},
    "augment": {"views": 2},
    "model": {"weights": "w", "cut": "full", "pooling": "average",
      "precision": "fp32", "dropout": 0.5, "preprocessing": "weights"},
    "train": {"epochs": 3, "seed": 0},
    "evaluate": {"external": [], "threshold": {"target": ""}}})");
  config["model"]["backbone"] = fmt::format("net{}", backbone);
  config["model"]["head"] = {head};
  config["resources"]["ranks_per_trial"] = ranks;
  return config;
}

run::PlannerServices Services(std::size_t images) {
  run::PlannerServices services;
  services.scan = [images](const Json&, const Json&, std::uint64_t) {
    stages::SourceScan scan;
    scan.classes = {"a", "b"};
    for (std::size_t i = 0; i < images; ++i) {
      stages::ScanEntry& entry = scan.entries.emplace_back();
      entry.source = "one";
      entry.path = fmt::format("{}.png", i);
      entry.content = DigestOf(std::string_view(entry.path));
    }
    return Result<stages::SourceScan>(std::move(scan));
  };
  services.backbone = [](const Json& model) {
    run::ResolvedBackbone backbone;
    backbone.weights = DigestOf(model.at("backbone").get<std::string>()).Hex();
    backbone.input_size = 224;
    backbone.multiply_adds = 1e8;
    return Result<run::ResolvedBackbone>(std::move(backbone));
  };
  for (const char* stage : {"scan", "ingest", "duplicates", "split", "augment",
                            "features", "fine_tune", "evaluate"})
    services.stage_versions[stage] = 1;
  services.numerics = {{"fp32", kSimNumerics}};
  return services;
}

}  // namespace

SimPlan MakeSimPlan(std::size_t tasks, SimTrials kind) {
  const auto shards = static_cast<std::size_t>(
      std::clamp(std::log2(static_cast<double>(tasks)) - 3, 1.0, 8.0));
  const int backbones = tasks < 40 ? 1 : tasks < 400 ? 2 : 4;
  // scan, duplicates, split, views, and per 64 images an ingest and four
  // features tasks.
  const std::size_t shared =
      4 + shards * (1 + 4 * static_cast<std::size_t>(backbones));
  const std::size_t trials =
      std::max<std::size_t>((tasks - std::min(tasks, shared)) / 2, 1);
  std::vector<run::TrialConfig> configs;
  for (std::size_t i = 0; i < trials; ++i) {
    Json config =
        Config(static_cast<int>(i) % backbones, i + 1, RanksOf(i, kind));
    Json identity = config.at("model");
    configs.push_back({std::move(config), std::move(identity), Json::object()});
  }
  SimPlan plan;
  plan.sweep = run::PlanSweep(configs, Services(64 * shards)).value();
  std::vector<std::set<std::string>> ports(plan.sweep.graph.size());
  for (TaskId task = 0; task < plan.sweep.graph.size(); ++task)
    for (const TaskInput& input : plan.sweep.graph[task].inputs)
      ports[input.task].insert(input.output);
  for (TaskId task = 0; task < plan.sweep.graph.size(); ++task) {
    ports[task].insert("rows");
    run::TaskOutputs& outputs = plan.outputs.emplace_back();
    for (const std::string& port : ports[task])
      outputs.push_back(
          {port, {DigestOf(plan.sweep.graph[task].key.Hex() + port), 1}});
  }
  for (const run::PlannedTrial& trial : plan.sweep.trials)
    plan.evaluations.push_back(trial.fits[0].evaluate);
  return plan;
}

}  // namespace besom::testing
