#include "stages/model/head/fine_tune_stage.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "stages/model/head/fit_images.h"
#include "stages/model/head/fused_fit.h"
#include "stages/model/head/head_fit.h"
#include "stages/model/head/head_model.h"
#include "stages/model/weights_store.h"

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
  for (const char* key :
       {"backbone", "preprocessing", "precision", "cut", "pooling", "unfreeze",
        "head", "head_init", "dropout"})
    if (params.at("model").contains(key)) model[key] = params["model"][key];
  return {{"classes", params.at("classes")},
          {"model", std::move(model)},
          {"chosen_epoch", chosen_epoch}};
}

/// What the fits of one call share. `data` borrows from the others.
struct SharedInput {
  AugmentSettings augment;
  std::optional<FitImages> images;
  SetImages training;
  FitData data;
  std::uint64_t seed = 0;
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

Status ReadShared(const StageInput& input, FitSourcesCache& cache,
                  SharedInput& shared) {
  const Json& params = input.params;
  BESOM_ASSIGN_OR_RETURN(shared.augment,
                         AugmentSettings::FromJson(params.at("augment")));
  BESOM_ASSIGN_OR_RETURN(shared.images, FitImages::Read(input, cache));
  BESOM_ASSIGN_OR_RETURN(shared.training, shared.images->Set("train"));
  BESOM_ASSIGN_OR_RETURN(const SetImages validation,
                         shared.images->Set("validation"));
  params.at("seed").get_to(shared.seed);
  shared.data.classes = shared.images->split().classes;
  shared.data.dimension = shared.images->dimension();
  shared.data.train_labels = shared.training.labels;
  shared.data.train_rows = [&shared](int epoch) {
    return shared.images->EpochRows(shared.training, shared.augment, epoch,
                                    shared.seed);
  };
  shared.data.validation_labels = validation.labels;
  shared.data.validation_rows = validation.rows;
  return Status::Ok();
}

Result<HeadToFit> ReadHead(const Json& params) {
  HeadToFit fit;
  BESOM_ASSIGN_OR_RETURN(fit.head, HeadSettings::FromJson(params.at("model")));
  BESOM_ASSIGN_OR_RETURN(fit.train,
                         TrainSettings::FromJson(params.at("train")));
  fit.key = {fit.train.seed, params.at("repeat").get<int>(),
             params.at("fold").get<int>()};
  return fit;
}

/// Reads with `read`, with errors of the JSON as values.
template <typename Read>
auto TryRead(const Read& read) -> decltype(read()) {
  try {
    return read();
  } catch (const Json::exception& error) {
    return InternalError("fine_tune", error.what());
  }
}

bool IsUnfrozen(const Json& params) {
  return params.contains("model") &&
         params["model"].value("unfreeze", "none") != "none";
}

Result<std::unique_ptr<TrainedBase>> MakeBase(
    const StageInput& input, const HeadToFit& head, const FitShards& shards,
    const TrainedBaseFactory& make_base) {
  if (head.train.batch_norm == BatchNormMode::kBatch && shards.count > 1)
    return InvalidError("train.batch_norm",
                        "statistics of a batch need the batch on one rank",
                        "use affine, or resources.ranks_per_trial: 1");
  const Json& model = input.params.at("model");
  TrainedBaseSpec spec{.backbone = model.at("backbone").get<std::string>(),
                       .unfreeze = head.head.unfreeze,
                       .tap = {model.at("cut").get<std::string>(),
                               model.at("pooling").get<std::string>()},
                       .batch_norm = head.train.batch_norm};
  input.params.at("size").get_to(spec.size);
  spec.threads = input.hints.value("threads", 1);
  const auto weights = model.at("weights").get<std::string>();
  if (weights != "random") {
    spec.weights = input.hints.at("weights_path").get<std::string>();
    BESOM_RETURN_IF_ERROR(CheckUnchanged(spec.weights, weights));
  }
  if (!make_base)
    return InternalError("fine_tune", "this program trains no bases");
  return make_base(spec);
}

/// kInternal where fits that share all but their heads differ in more.
Status CheckAlike(const Json& one, const Json& other) {
  for (const char* key : {"classes", "augment", "seed", "repeat", "fold"})
    if (one.at(key) != other.at(key))
      return InternalError("fine_tune",
                           fmt::format("fits together differ in '{}'", key));
  if (other.value("shards", 1) != 1)
    return InternalError("fine_tune", "a fit in shards is trained alone");
  return Status::Ok();
}

/// Memory of a rank of which heads that are trained side by side take a half,
/// where the user does not say. Twenty-four heads of 64 hidden units on VGG16's
/// flattened maps (25,088 numbers) take 620 MB.
constexpr std::int64_t kMemory = std::int64_t{512} << 20;

/// What a head in training keeps: weights, two moments, the best weights, and
/// what it asks for: the moving average, the gradient, a batch of mixed rows.
std::size_t BytesOf(const HeadToFit& fit, const FitData& data) {
  std::size_t numbers = 0;
  auto inputs = static_cast<std::size_t>(data.dimension);
  const auto add = [&](int width) {
    const auto outputs = static_cast<std::size_t>(PaddedWidth(width));
    numbers += (inputs + 1) * outputs;
    inputs = static_cast<std::size_t>(width);
  };
  for (const int width : fit.head.hidden) add(width);
  add(static_cast<int>(data.classes.size()));
  const TrainSettings& train = fit.train;
  const std::size_t copies =
      4 + (train.ema > 0 ? 1 : 0) + (train.clip_norm > 0 ? 1 : 0);
  const std::size_t mixed = train.mixup > 0
                                ? static_cast<std::size_t>(train.batch_size) *
                                      static_cast<std::size_t>(data.dimension)
                                : 0;
  return (copies * numbers + mixed) * sizeof(float);
}

/// How many of `heads`, from the first one, fit into half of `memory`; at least
/// one. Where a call is cut changes no bit.
std::size_t HeadsAtATime(std::span<const HeadToFit> heads, const FitData& data,
                         std::int64_t memory) {
  std::size_t count = 0, bytes = 0;
  while (count < heads.size()) {
    bytes += BytesOf(heads[count], data);
    if (count > 0 && bytes > static_cast<std::size_t>(memory) / 2) break;
    ++count;
  }
  return count;
}

StageOutput OutputOf(const Json& params, const SharedInput& shared,
                     const FitResult& result) {
  StageOutput output;
  output.blobs["weights"] =
      HeadModel(result.weights.head, Description(params, result.chosen_epoch),
                result.weights.base)
          .ToBlob();
  output.blobs["history"] = CanonicalText(HistoryJson(result));
  output.counters = {{"epochs", result.epochs.size()},
                     {"images", shared.training.labels.size()}};
  return output;
}

/// Trains the head, with a part of the base where the params say so.
Result<FitResult> Fit(const StageInput& input, const SharedInput& shared,
                      const HeadToFit& head, const FitShards& shards,
                      const TrainedBaseFactory& make_base) {
  if (head.head.unfreeze == "none")
    return FitHead(shared.data, head, shared.seed, input.progress,
                   BestHeadKernels(), shards);
  const auto make = [&] { return MakeBase(input, head, shards, make_base); };
  Result<std::unique_ptr<TrainedBase>> base = TryRead(make);
  if (!base.ok()) {
    if (input.group != nullptr) input.group->Abort(base.status());
    return base.status();
  }
  return FitUnfrozen(shared.data, head, shared.seed, input.progress,
                     *std::move(base), BestHeadKernels(), shards);
}

}  // namespace

Result<StageOutput> FineTuneStage::Run(const StageInput& input) {
  if (input.group != nullptr || input.params.value("shards", 1) != 1 ||
      IsUnfrozen(input.params))
    return RunBySteps(input);
  BESOM_ASSIGN_OR_RETURN(std::vector<Result<StageOutput>> outputs,
                         RunEach(std::span(&input, 1)));
  return std::move(outputs.front());
}

Result<StageOutput> FineTuneStage::RunBySteps(const StageInput& input) {
  SharedInput shared;
  FitShards shards;
  const auto read = [&]() -> Result<HeadToFit> {
    BESOM_ASSIGN_OR_RETURN(shards, ReadShards(input));
    BESOM_ASSIGN_OR_RETURN(HeadToFit head, ReadHead(input.params));
    BESOM_RETURN_IF_ERROR(ReadShared(input, cache_, shared));
    return head;
  };
  const Result<HeadToFit> head = TryRead(read);
  if (!head.ok()) {
    if (input.group != nullptr) input.group->Abort(head.status());
    return head.status();
  }
  BESOM_ASSIGN_OR_RETURN(const FitResult result,
                         Fit(input, shared, *head, shards, make_base_));
  if (input.group != nullptr && input.group->rank() != 0) return StageOutput();
  return OutputOf(input.params, shared, result);
}

Result<std::vector<Result<StageOutput>>> FineTuneStage::RunEach(
    std::span<const StageInput> inputs) {
  const StageInput& input = inputs.front();
  SharedInput shared;
  BESOM_RETURN_IF_ERROR(
      TryRead([&] { return ReadShared(input, cache_, shared); }));
  std::vector<Result<StageOutput>> outputs(inputs.size(), StageOutput());
  std::vector<HeadToFit> heads;
  std::vector<std::size_t> places;  // Of the heads, among the inputs.
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Json& params = inputs[i].params;
    BESOM_RETURN_IF_ERROR(
        TryRead([&] { return CheckAlike(input.params, params); }));
    Result<HeadToFit> head = TryRead([&] { return ReadHead(params); });
    if (!head.ok()) {
      outputs[i] = head.status();
      continue;
    }
    heads.push_back(*std::move(head));
    places.push_back(i);
  }
  const int threads = input.hints.value("threads", 1);
  for (std::size_t begin = 0; begin < heads.size();) {
    const std::size_t count =
        HeadsAtATime(std::span(heads).subspan(begin), shared.data,
                     input.hints.value("memory", kMemory));
    const auto progress = [&](double share) {
      return input.progress(
          (static_cast<double>(begin) + share * static_cast<double>(count)) /
          static_cast<double>(heads.size()));
    };
    BESOM_ASSIGN_OR_RETURN(
        const std::vector<Result<FitResult>> fits,
        FitHeads(shared.data, std::span(heads).subspan(begin, count),
                 shared.seed, progress, threads));
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t place = places[begin + i];
      if (fits[i].ok())
        outputs[place] = OutputOf(inputs[place].params, shared, *fits[i]);
      else
        outputs[place] = fits[i].status();
    }
    begin += count;
  }
  return outputs;
}

}  // namespace besom::stages
