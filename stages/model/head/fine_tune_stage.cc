#include "stages/model/head/fine_tune_stage.h"

#include <fmt/format.h>

#include <optional>

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

/// All that a fit needs, read from the input. `data` borrows from `images`.
struct FitInput {
  HeadSettings head;
  TrainSettings train;
  AugmentSettings augment;
  std::optional<FitImages> images;
  SetImages training;
  FitData data;
  FitShards shards;
};

/// Into how many shards the plan cuts each batch; every rank of a group that
/// computes them has the same plan.
Result<FitShards> ReadShards(const StageInput& input) {
  FitShards shards;
  shards.count = input.params.value("shards", 1);
  shards.group = input.group;
  shards.timeout_seconds =
      input.hints.value("group_seconds", shards.timeout_seconds);
  const int of_group = input.group ? input.group->shards() : shards.count;
  if (shards.count < 1 || shards.count != of_group)
    return InternalError("fine_tune", fmt::format("{} shards for a group of {}",
                                                  shards.count, of_group));
  return shards;
}

Status ReadInput(const StageInput& input, FitSourcesCache& cache,
                 FitInput& fit) {
  const Json& params = input.params;
  BESOM_ASSIGN_OR_RETURN(fit.shards, ReadShards(input));
  BESOM_ASSIGN_OR_RETURN(fit.head, HeadSettings::FromJson(params.at("model")));
  BESOM_ASSIGN_OR_RETURN(fit.train,
                         TrainSettings::FromJson(params.at("train")));
  BESOM_ASSIGN_OR_RETURN(fit.augment,
                         AugmentSettings::FromJson(params.at("augment")));
  BESOM_ASSIGN_OR_RETURN(fit.images, FitImages::Read(input, cache));
  BESOM_ASSIGN_OR_RETURN(fit.training, fit.images->Set("train"));
  BESOM_ASSIGN_OR_RETURN(const SetImages validation,
                         fit.images->Set("validation"));
  const auto seed = params.at("seed").get<std::uint64_t>();
  fit.data.classes = fit.images->split().classes;
  fit.data.dimension = fit.images->dimension();
  fit.data.train_labels = fit.training.labels;
  fit.data.train_rows = [&fit, seed](int epoch) {
    return fit.images->EpochRows(fit.training, fit.augment, epoch, seed);
  };
  fit.data.validation_labels = validation.labels;
  fit.data.validation_rows = validation.rows;
  return Status::Ok();
}

/// ReadInput, with errors of the JSON as values.
Status TryReadInput(const StageInput& input, FitSourcesCache& cache,
                    FitInput& fit) {
  try {
    return ReadInput(input, cache, fit);
  } catch (const Json::exception& error) {
    return InternalError("fine_tune", error.what());
  }
}

StageOutput OutputOf(const StageInput& input, const FitInput& fit,
                     const FitResult& result) {
  StageOutput output;
  if (input.group != nullptr && input.group->rank() != 0) return output;
  output.blobs["weights"] =
      HeadModel(result.weights, Description(input.params, result.chosen_epoch))
          .ToBlob();
  output.blobs["history"] = CanonicalText(HistoryJson(result));
  output.counters = {{"epochs", result.epochs.size()},
                     {"images", fit.training.labels.size()}};
  return output;
}

}  // namespace

Result<StageOutput> FineTuneStage::Run(const StageInput& input) {
  FitInput fit;
  const Status read = TryReadInput(input, cache_, fit);
  if (!read.ok()) {
    if (input.group != nullptr) input.group->Abort(read);
    return read;
  }
  BESOM_ASSIGN_OR_RETURN(
      const FitResult result,
      FitHead(fit.data, fit.head, fit.train,
              input.params.at("seed").get<std::uint64_t>(),
              {fit.train.seed, fit.images->repeat(), fit.images->fold()},
              input.progress, BestHeadKernels(), fit.shards));
  return OutputOf(input, fit, result);
}

}  // namespace besom::stages
