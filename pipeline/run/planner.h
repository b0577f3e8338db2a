#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/graph/task_graph.h"
#include "stages/data/image_table.h"

namespace besom::run {

/// One configuration of the sweep, fully resolved (sweeps::Trial as values).
struct TrialConfig {
  Json config;      ///< The whole document with every default.
  Json identity;    ///< What of it decides numbers, without paths.
  Json parameters;  ///< Axis -> value; null where inactive.
};

/// A frozen base with its weights, as the planner needs to know it.
struct ResolvedBackbone {
  std::string weights;       ///< Hex digest of the file, or "random".
  std::string path;          ///< Of the file; empty for random weights.
  Json preprocessing;        ///< Resolved: what the engine does to pixels.
  int input_size = 0;        ///< Pixels.
  double multiply_adds = 0;  ///< Of one image of that size, frozen part.
  double trained_multiply_adds = 0;  ///< The same of the unfrozen part.
  /// Where the frozen part ends, and what becomes of its maps.
  std::string cut, pooling;
  int dimension = 0;  ///< Numbers that the head reads.
};

/// What the planner asks of the world. Every function is pure for the life of
/// one plan, and is called once per distinct argument.
struct PlannerServices {
  std::function<Result<stages::SourceScan>(
      const Json& ingest, const Json& external, std::uint64_t seed)>
      scan;
  /// Reads backbone, weights, cut, pooling, unfreeze and preprocessing.
  std::function<Result<ResolvedBackbone>(const Json& model)> backbone;
  std::function<Result<Json>(const std::string& path)> split_rows;
  std::map<std::string, int, std::less<>> stage_versions;
  /// By `model.precision` as written: the numerics tag of its tasks.
  std::map<std::string, std::string> numerics;
  /// That of tasks that train a part of a base, or that run a TorchScript file
  /// where that of the precision is not LibTorch's.
  std::string training_numerics;
};

struct PlannedFit {
  int repeat = 0, fold = 0;
  TaskId fine_tune = 0, evaluate = 0;
};

struct PlannedTrial {
  std::string id;  ///< 16 hexadecimal digits.
  Json config, parameters;
  std::vector<PlannedFit> fits;
};

/// One way in which the sweep reads its data (usually there is just one).
struct PlannedData {
  stages::SourceScan scan;
  std::string scan_bytes;  ///< What the scan task leaves at port "scan".
  TaskId scan_task = 0;
  std::vector<TaskId> ingest;
  TaskId split = 0, augment = 0;
  /// Of the first way alone, which is the one that the view `images` shows, and
  /// where `evaluate.audit` asks for it.
  std::optional<TaskId> audit;
};

/// A sweep as one graph in which equal work exists once.
struct SweepGraph {
  std::string name;
  TaskGraph graph;
  std::vector<PlannedTrial> trials;  ///< A shard of the sweep keeps its own.
  std::vector<PlannedData> data;  ///< At least one.
};

/// Images of one ingest task, and of one features task. Constants of the plan:
/// action keys depend on them, ranks and memory never change them.
inline constexpr std::size_t kImagesPerIngestTask = 64;
inline constexpr std::size_t kImagesPerFeaturesTask = 32;

/// Builds the graph of all trials. Errors of the data, weights and split file
/// come back as they are.
Result<SweepGraph> PlanSweep(const std::vector<TrialConfig>& trials,
                             const PlannerServices& services);

}  // namespace besom::run
