#include "pipeline/cli/evaluate/later_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "pipeline/base/log.h"
#include "pipeline/cli/predict_inputs.h"
#include "pipeline/run/sweep_plan.h"
#include "stages/model/numerics_tag.h"
#include "sweeps/environment.h"
#include "sweeps/external_sets.h"

namespace besom::cli {
namespace {

/// A folder as an `image_folder` source, in YAML.
Result<std::string> SourceOfFolder(const Path& folder, std::string name,
                                   const Json& config) {
  const std::vector<std::string> classes = config.at("ingest").at("classes");
  const LabelFolders known = LabelFoldersOf(config);
  if (name.empty())
    name = std::filesystem::absolute(folder / ".")
               .lexically_normal()
               .parent_path()
               .filename()
               .string();
  Json labels = Json::object();
  bool any = false;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end;
       !error && it != end; it.increment(error)) {
    if (!it->is_directory(error)) continue;
    const std::string sub = it->path().filename().string();
    const auto label = FindLabelFolder(known, sub);
    labels[sub] =
        label ? Json(classes[static_cast<std::size_t>(*label)]) : Json(nullptr);
    any = any || label;
  }
  if (error) return IoError(folder.string(), error.message());
  if (!any)
    return InvalidError(
        folder.string(), "none of its subfolders is called like a class",
        "describe it: --data '{name: NAME, format: image_folder, path: DIR, "
        "labels: {FOLDER: CLASS}}'; without labels use `besom predict`");
  return CanonicalText({{"name", name},
                        {"format", "image_folder"},
                        {"path", std::filesystem::absolute(folder).string()},
                        {"labels", labels}});
}

bool IsYamlFile(const Path& path) {
  const std::string ending = path.extension().string();
  return ending == ".yaml" || ending == ".yml";
}

/// Tags that this machine's CPU offers: the trial's where it does.
Status ResolveNumerics(const TrainedTrial& trial,
                       run::SweepNumerics& numerics) {
  const std::vector<std::string> offered = stages::OfferedNumerics("");
  const Json& model = trial.config().at("model");
  const std::string precision = model.at("precision");
  numerics = run::SweepNumerics::FromText(trial.record.numerics);
  const auto is_offered = [&](const std::string& tag) {
    return tag.empty() || std::ranges::find(offered, tag) != offered.end();
  };
  const auto tag = numerics.tags().find(precision);
  if (tag == numerics.tags().end() || !is_offered(tag->second) ||
      !is_offered(numerics.training())) {
    if (tag != numerics.tags().end())
      Log(LogLevel::kWarning,
          "this machine's CPU does not compute in " + tag->second +
              ", as the sweep did: figures may differ in their last digits");
    numerics = run::SweepNumerics();
    BESOM_RETURN_IF_ERROR(numerics.Resolve(trial.Precision(), "cpu", offered));
    BESOM_RETURN_IF_ERROR(numerics.Resolve(precision, "cpu", offered));
  }
  return numerics.ResolveTraining(offered);
}

}  // namespace

Result<stages::StageOutput> Computer::Run(const std::string& stage,
                                          const Json& params, Json hints,
                                          const ArtifactMap& artifacts) const {
  hints["threads"] = threads;
  hints["device"] = "cpu";
  const std::function<bool(double)> progress = [this](double) {
    return stop();
  };
  return stages.at(stage)->Run({params, hints, artifacts, progress});
}

Result<Json> ReadLaterSets(const std::string& data, const std::string& name,
                           const Json& config) {
  const sweeps::Environment environment = sweeps::ProcessEnvironment();
  const Path path = data;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    BESOM_ASSIGN_OR_RETURN(const std::string text,
                           SourceOfFolder(path, name, config));
    return sweeps::ReadExternalSets(text, "--data " + data, false, "", config,
                                    environment);
  }
  if (!name.empty())
    return InvalidError("--name", "is for a SOURCE that is a folder",
                        "write `name` into the YAML");
  if (!IsYamlFile(path))
    return sweeps::ReadExternalSets(data, "--data", false,
                                    std::filesystem::current_path(), config,
                                    environment);
  BESOM_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return sweeps::ReadExternalSets(text, data, true,
                                  std::filesystem::absolute(path).parent_path(),
                                  config, environment);
}

Result<run::SweepGraph> PlanLaterSets(const TrainedTrial& trial,
                                      const Json& sets, int threads) {
  run::PreparedSweep sweep;
  sweeps::Trial& alone = sweep.trials.trials.emplace_back();
  alone.config = trial.config();
  // The trial's own images are not met: only its answers count here.
  alone.config["ingest"]["sources"] = Json::array();
  alone.config["evaluate"]["external"] = sets;
  alone.config["evaluate"]["audit"] = false;
  alone.config["split"]["file"] = "";
  alone.config["augment"]["views"] = 0;
  BESOM_RETURN_IF_ERROR(ResolveNumerics(trial, sweep.numerics));
  stages::MemoryContentDigests digests;
  const Status planned = run::PlanGraph(sweep, digests, threads);
  if (planned.place().starts_with("evaluate.external."))
    return Status(planned.code(), "--data", planned.cause(), planned.cure());
  BESOM_RETURN_IF_ERROR(planned);
  return std::move(sweep.graph);
}

Result<LaterImages> ComputeImages(const run::SweepGraph& graph,
                                  const Computer& computer) {
  const auto run = [&](const TaskNode& task, const ArtifactMap& artifacts) {
    return computer.Run(task.stage, task.params, task.hints, artifacts);
  };
  LaterImages images;
  for (const TaskId ingest : graph.data.front().ingest) {
    BESOM_ASSIGN_OR_RETURN(stages::StageOutput decoded,
                           run(graph.graph[ingest], {}));
    const Artifact pixels =
        Artifact::FromBytes(std::move(decoded.blobs.at("pixels")));
    BESOM_ASSIGN_OR_RETURN(const stages::PixelShard shard,
                           stages::PixelShard::Open(pixels));
    for (const stages::PixelRecord& record : shard.records()) {
      images.records.push_back(record);
      images.decoded.emplace(
          record.content, stages::DecodingOutcome{record.error, record.pixels});
    }
    BESOM_ASSIGN_OR_RETURN(stages::ThumbnailShard thumbnails,
                           stages::ThumbnailShard::Open(Artifact::FromBytes(
                               std::move(decoded.blobs.at("thumbnails")))));
    images.thumbnails.push_back(std::move(thumbnails));
    const run::PlannedFit& fit = graph.trials.front().fits.front();
    for (const TaskInput& input : graph.graph[fit.evaluate].inputs) {
      const TaskNode& task = graph.graph[input.task];
      if (input.port != "plain" || task.inputs.front().task != ingest) continue;
      BESOM_ASSIGN_OR_RETURN(stages::StageOutput features,
                             run(task, {{"pixels", {pixels}}}));
      images.features.push_back(
          Artifact::FromBytes(std::move(features.blobs.at("features"))));
    }
  }
  return images;
}

}  // namespace besom::cli
