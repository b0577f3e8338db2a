#include "pipeline/cli/predict_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>

#include "cluster/cpu.h"
#include "db/trial_model.h"
#include "pipeline/cli/predict_inputs.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/run/sweep_numerics.h"
#include "pipeline/store/blob_store.h"
#include "stages/metric/prediction_table.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/numerics_tag.h"
#include "stages/model/predict/predictor.h"
#include "stages/model/torch_script.h"
#include "stages/model/weights_store.h"

namespace besom::cli {
namespace {

/// Everything about the trial but which images.
struct Model {
  db::TrialModel trial;
  stages::PredictorSettings settings;
  std::vector<std::string> classes;
};

/// The engine that computed the trial's features; of those of a GPU, the one
/// that is preferred here.
std::string EngineFor(const db::TrialModel& trial) {
  const Json& model = trial.config.at("model");
  if (!stages::TorchScriptOf(model).empty()) return "libtorch";
  const std::string precision = model.at("precision");
  const auto numerics = run::SweepNumerics::FromText(trial.numerics);
  const auto tag = numerics.tags().find(precision);
  if (tag == numerics.tags().end() ||
      stages::DeviceKindOf(tag->second) != "cpu")
    return std::string(stages::EngineOf(stages::NumericsTag("fp32")));
  return std::string(stages::EngineOf(tag->second));
}

/// What the trial's base is made from; of a TorchScript file the digest that it
/// had then, which the predictor holds it to.
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

Result<int> SizeOf(const Json& config) {
  const Json& size = config.at("ingest").at("image_size");
  if (size.is_number()) return size.get<int>();
  BESOM_ASSIGN_OR_RETURN(
      const stages::Backbone backbone,
      stages::DescribeBackbone(stages::BackboneOf(config.at("model"))));
  return backbone.input_size;
}

Result<Model> LoadModel(const PredictArguments& arguments) {
  const WorkspaceLayout layout(arguments.workspace);
  Model model;
  BESOM_ASSIGN_OR_RETURN(
      model.trial,
      db::FindTrialModel(layout.database(), arguments.sweep, arguments.trial));
  const Json& config = model.trial.config;
  const Json& section = config.at("model");
  BESOM_ASSIGN_OR_RETURN(const stages::WeightsInfo weights, WeightsOf(section));
  BESOM_ASSIGN_OR_RETURN(
      const stages::Preprocessing preprocessing,
      stages::ResolvePreprocessing(section.at("preprocessing"),
                                   weights.preprocessing));
  const Json& ingest = config.at("ingest");
  model.classes = ingest.at("classes").get<std::vector<std::string>>();
  model.settings.model = section;
  model.settings.model["preprocessing"] = preprocessing.ToJson();
  model.settings.ingest = ingest;
  BESOM_ASSIGN_OR_RETURN(model.settings.size, SizeOf(config));
  model.settings.weights = weights.digest;
  model.settings.weights_path = weights.path;
  model.settings.engine = EngineFor(model.trial);
  model.settings.threads = cluster::UsableCores();
  BlobStore blobs(layout);
  for (const db::BlobRow& head : model.trial.heads) {
    BESOM_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(head.digest));
    const Result<Artifact> blob = blobs.Get({digest, head.size});
    if (blob.status().code() == StatusCode::kNotFound)
      return db::NoModelError(model.trial.trial);
    if (!blob.ok()) return blob.status();
    model.settings.heads.emplace_back(blob->text());
  }
  return model;
}

Result<std::vector<ImageList>> ListAll(const PredictArguments& arguments,
                                       const LabelFolders& labels) {
  const NamesInput names{std::cin, arguments.null ? '\0' : '\n'};
  std::vector<ImageList> lists;
  for (const std::string& path : arguments.paths) {
    BESOM_ASSIGN_OR_RETURN(ImageList list, ListImages(path, labels, names));
    lists.push_back(std::move(list));
  }
  return lists;
}

/// The predictions of each list, from one pass over all images.
Result<std::vector<std::vector<stages::ImagePrediction>>> PredictAll(
    const stages::PredictorSettings& settings,
    const std::vector<ImageList>& lists) {
  std::vector<Path> files;
  for (const ImageList& list : lists)
    files.insert(files.end(), list.files.begin(), list.files.end());
  BESOM_ASSIGN_OR_RETURN(std::vector<stages::ImagePrediction> all,
                         stages::Predict(settings, files, {}));
  std::vector<std::vector<stages::ImagePrediction>> each;
  auto next = all.begin();
  for (const ImageList& list : lists) {
    auto& images = each.emplace_back();
    for (const std::optional<int>& actual : list.actual) {
      images.push_back(std::move(*next++));
      images.back().actual = actual;
    }
  }
  return each;
}

Status PredictAndPrint(const PredictArguments& arguments) {
  BESOM_ASSIGN_OR_RETURN(const Model model, LoadModel(arguments));
  BESOM_ASSIGN_OR_RETURN(
      const std::vector<ImageList> lists,
      ListAll(arguments, LabelFoldersOf(model.trial.config)));
  BESOM_ASSIGN_OR_RETURN(const auto images, PredictAll(model.settings, lists));
  if (arguments.csv)
    fmt::print("{}", stages::PredictionCsvHeader(model.classes));
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (arguments.json)
      fmt::print("{}", stages::PredictionJson(model.classes, images[i]));
    else if (arguments.csv)
      fmt::print("{}", stages::PredictionCsvLines(model.classes, images[i]));
    else
      fmt::print("{}", stages::PredictionTable(lists[i].title, model.classes,
                                               images[i]));
  }
  return Status::Ok();
}

}  // namespace

int RunPredict(const PredictArguments& arguments) {
  return ReportStatus(PredictAndPrint(arguments));
}

}  // namespace besom::cli
