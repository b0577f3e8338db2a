#include "pipeline/cli/predict_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>

#include "cluster/cpu.h"
#include "pipeline/cli/predict_inputs.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/trained/refit.h"
#include "stages/metric/prediction_table.h"
#include "stages/model/predict/predictor.h"

namespace besom::cli {
namespace {

stages::PredictorSettings SettingsOf(const TrainedTrial& trial) {
  const stages::ModelParts parts = trial.Parts();
  stages::PredictorSettings settings;
  settings.model = parts.model;
  settings.ingest = trial.config().at("ingest");
  settings.size = parts.size;
  settings.weights = parts.weights;
  settings.weights_path = parts.weights_path;
  settings.heads = parts.heads;
  settings.engine = trial.Engine();
  settings.threads = cluster::UsableCores();
  return settings;
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
  BESOM_ASSIGN_OR_RETURN(const TrainedTrial trial,
                         LoadFitsOrRefit(arguments.workspace, arguments.sweep,
                                         arguments.trial, arguments.refit));
  const std::vector<std::string> classes = trial.classes();
  BESOM_ASSIGN_OR_RETURN(const std::vector<ImageList> lists,
                         ListAll(arguments, LabelFoldersOf(trial.config())));
  BESOM_ASSIGN_OR_RETURN(const auto images,
                         PredictAll(SettingsOf(trial), lists));
  if (arguments.csv) fmt::print("{}", stages::PredictionCsvHeader(classes));
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (arguments.json)
      fmt::print("{}", stages::PredictionJson(classes, images[i]));
    else if (arguments.csv)
      fmt::print("{}", stages::PredictionCsvLines(classes, images[i]));
    else
      fmt::print("{}",
                 stages::PredictionTable(lists[i].title, classes, images[i]));
  }
  return Status::Ok();
}

}  // namespace

int RunPredict(const PredictArguments& arguments) {
  return ReportStatus(PredictAndPrint(arguments));
}

}  // namespace besom::cli
