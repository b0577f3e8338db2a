#include "stages/model/head/fine_tune_stage.h"

#include "stages/model/head/fit_images.h"
#include "stages/model/head/head_fit.h"
#include "stages/model/head/head_model.h"

namespace besom::stages {
namespace {

Json ValidationJson(const EpochFigures& figures) {
  // A balanced accuracy is there whenever there is any image.
  return {{"loss", *figures.loss},
          {"accuracy", *figures.accuracy},
          {"balanced_accuracy", *figures.balanced_accuracy}};
}

Json HistoryJson(const FitResult& fit) {
  Json epochs = Json::array();
  for (std::size_t e = 0; e < fit.epochs.size(); ++e) {
    Json epoch{{"epoch", e}, {"train", {{"loss", fit.epochs[e].train_loss}}}};
    if (fit.epochs[e].loss) epoch["validation"] = ValidationJson(fit.epochs[e]);
    epochs.push_back(std::move(epoch));
  }
  return {{"epochs", std::move(epochs)},
          {"chosen_epoch", fit.chosen_epoch},
          {"stopped_early", fit.stopped_early},
          {"class_weights", fit.class_weights}};
}

/// What goes into the head's file. Not model.weights: it may be a path, and
/// the same head must have the same bytes on every machine.
Json Description(const Json& params, int chosen_epoch) {
  Json model = Json::object();
  for (const char* key : {"backbone", "preprocessing", "precision", "cut",
                          "pooling", "head", "head_init", "dropout"})
    if (params.at("model").contains(key)) model[key] = params["model"][key];
  return {{"classes", params.at("classes")},
          {"model", std::move(model)},
          {"chosen_epoch", chosen_epoch}};
}

Result<StageOutput> FineTune(const StageInput& input, FitSourcesCache& cache) {
  const Json& params = input.params;
  BESOM_ASSIGN_OR_RETURN(const HeadSettings head,
                         HeadSettings::FromJson(params.at("model")));
  BESOM_ASSIGN_OR_RETURN(const TrainSettings train,
                         TrainSettings::FromJson(params.at("train")));
  BESOM_ASSIGN_OR_RETURN(const AugmentSettings augment,
                         AugmentSettings::FromJson(params.at("augment")));
  BESOM_ASSIGN_OR_RETURN(const FitImages images, FitImages::Read(input, cache));
  BESOM_ASSIGN_OR_RETURN(const SetImages training, images.Set("train"));
  BESOM_ASSIGN_OR_RETURN(const SetImages validation, images.Set("validation"));
  const auto seed = params.at("seed").get<std::uint64_t>();
  FitData data;
  data.classes = images.split().classes;
  data.dimension = images.dimension();
  data.train_labels = training.labels;
  data.train_rows = [&](int epoch) {
    return images.EpochRows(training, augment, epoch, seed);
  };
  data.validation_labels = validation.labels;
  data.validation_rows = validation.rows;
  BESOM_ASSIGN_OR_RETURN(
      const FitResult fit,
      FitHead(data, head, train, seed,
              {train.seed, images.repeat(), images.fold()}, input.progress));
  StageOutput output;
  output.blobs["weights"] =
      HeadModel(fit.weights, Description(params, fit.chosen_epoch)).ToBlob();
  output.blobs["history"] = CanonicalText(HistoryJson(fit));
  output.counters = {{"epochs", fit.epochs.size()},
                     {"images", training.labels.size()}};
  return output;
}

}  // namespace

Result<StageOutput> FineTuneStage::Run(const StageInput& input) {
  try {
    return FineTune(input, cache_);
  } catch (const Json::exception& error) {
    return InternalError("fine_tune", error.what());
  }
}

}  // namespace besom::stages
