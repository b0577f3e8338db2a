#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/trained/trained_trial.h"
#include "pipeline/run/planner.h"
#include "stages/data/pixel_shard.h"
#include "stages/data/split_stage.h"
#include "stages/data/thumbnail_shard.h"
#include "stages/stage.h"

namespace besom::cli {

/// What computes tasks here: `stages` has ingest, features and evaluate; `stop`
/// (any thread) says whether they shall end with kInterrupted.
struct Computer {
  const stages::StageRegistry& stages;
  int threads = 1;
  std::function<bool()> stop;

  /// Runs a task of the plan with these parameters on the CPU.
  Result<stages::StageOutput> Run(const std::string& stage, const Json& params,
                                  Json hints,
                                  const ArtifactMap& artifacts) const;
};

/// Reads --data: an element of `evaluate.external`, or a list of them, as YAML
/// or in a .yaml file; or a folder, whose subfolders are called like classes
/// (LabelFoldersOf; others are left out). `name` is the folder's set.
Result<Json> ReadLaterSets(const std::string& data, const std::string& name,
                           const Json& config);

/// The graph of a trial that met these sets alone: of its tasks, ingest, the
/// features without views, and evaluate can run on them. Numerics are the
/// trial's where this machine's CPU offers them, else its own.
Result<run::SweepGraph> PlanLaterSets(const TrainedTrial& trial,
                                      const Json& sets, int threads);

/// What was found out about the images of later sets.
struct LaterImages {
  std::vector<stages::PixelRecord> records;  ///< One a content.
  stages::DecodingOutcomes decoded;
  std::vector<stages::ThumbnailShard> thumbnails;
  std::vector<Artifact> features;  ///< Of view 0, in the order of the plan.
};

/// Decodes and passes all images of the graph's only data, one task of ingest
/// after the other, so that pixels of one are held at a time.
Result<LaterImages> ComputeImages(const run::SweepGraph& graph,
                                  const Computer& computer);

}  // namespace besom::cli
