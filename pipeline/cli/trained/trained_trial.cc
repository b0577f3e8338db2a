#include "pipeline/cli/trained/trained_trial.h"

#include <cstdio>

#include "pipeline/cli/reading/shard_status.h"
#include "pipeline/run/sweep_numerics.h"
#include "pipeline/run/task_params.h"
#include "pipeline/store/blob_store.h"
#include "pipeline/store/workspace_layout.h"
#include "stages/model/numerics_tag.h"
#include "stages/model/torch_script.h"

namespace besom::cli {
namespace {

/// Of a TorchScript file the digest that it had in the sweep, which the
/// network is held to.
Result<stages::WeightsInfo> WeightsOf(const Json& section) {
  const Path script = stages::TorchScriptOf(section);
  if (script.empty())
    return stages::ResolveWeights(section.at("backbone"),
                                  section.at("weights"));
  BESOM_ASSIGN_OR_RETURN(stages::WeightsInfo info,
                         stages::ResolveTorchScript(script));
  info.digest = section.at("backbone").at("sha256");
  return info;
}

Result<std::string> ReadHead(BlobStore& blobs, const db::BlobRow& head,
                             const std::string& trial) {
  BESOM_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(head.digest));
  const Result<Artifact> blob = blobs.Get({digest, head.size});
  if (blob.status().code() == StatusCode::kNotFound)
    return db::NoModelError(trial);
  if (!blob.ok()) return blob.status();
  return std::string(blob->text());
}

}  // namespace

std::vector<std::string> TrainedTrial::classes() const {
  return config().at("ingest").at("classes").get<std::vector<std::string>>();
}

std::string TrainedTrial::Precision() const {
  const std::string asked = config().at("model").at("precision");
  const auto numerics = run::SweepNumerics::FromText(record.numerics);
  const auto tag = numerics.tags().find(asked);
  return tag == numerics.tags().end()
             ? asked
             : std::string(stages::PrecisionOf(tag->second));
}

std::string TrainedTrial::Engine() const {
  const Json& model = config().at("model");
  if (!stages::TorchScriptOf(model).empty()) return "libtorch";
  const auto numerics = run::SweepNumerics::FromText(record.numerics);
  const auto tag =
      numerics.tags().find(model.at("precision").get<std::string>());
  if (tag == numerics.tags().end() ||
      stages::DeviceKindOf(tag->second) != "cpu")
    return std::string(stages::EngineOf(stages::NumericsTag("fp32")));
  return std::string(stages::EngineOf(tag->second));
}

stages::ModelParts TrainedTrial::Parts() const {
  stages::ModelParts parts{.model = config().at("model"),
                           .size = size,
                           .weights = weights.digest,
                           .weights_path = weights.path,
                           .heads = heads};
  parts.model["preprocessing"] = preprocessing.ToJson();
  return parts;
}

Result<TrainedTrial> FindTrainedTrial(const Path& workspace,
                                      const std::string& sweep,
                                      const std::string& trial) {
  const WorkspaceLayout layout(workspace);
  TrainedTrial loaded;
  BESOM_ASSIGN_OR_RETURN(loaded.record,
                         db::FindTrialModel(layout.database(), sweep, trial));
  std::fputs(UnmergedNote(layout).c_str(), stderr);
  const Json& section = loaded.config().at("model");
  BESOM_ASSIGN_OR_RETURN(loaded.weights, WeightsOf(section));
  BESOM_ASSIGN_OR_RETURN(
      loaded.preprocessing,
      stages::ResolvePreprocessing(section.at("preprocessing"),
                                   loaded.weights.preprocessing));
  BESOM_ASSIGN_OR_RETURN(loaded.size, run::ImageSizeOf(loaded.config()));
  return loaded;
}

Result<TrainedTrial> LoadTrainedTrial(const Path& workspace,
                                      const std::string& sweep,
                                      const std::string& trial) {
  BESOM_ASSIGN_OR_RETURN(TrainedTrial loaded,
                         FindTrainedTrial(workspace, sweep, trial));
  BlobStore blobs{WorkspaceLayout(workspace)};
  for (const db::BlobRow& head : loaded.record.heads) {
    BESOM_ASSIGN_OR_RETURN(std::string bytes,
                           ReadHead(blobs, head, loaded.record.trial));
    loaded.heads.push_back(std::move(bytes));
  }
  return loaded;
}

}  // namespace besom::cli
