#include "stages/model/head/fit_state.h"

#include <fmt/format.h>

#include <span>
#include <utility>
#include <vector>

#include "pipeline/base/json.h"
#include "stages/model/safetensors.h"

namespace besom::stages {
namespace {

constexpr const char* kPlace = "checkpoint";
constexpr const char* kMetadata = "besom_fit";
// Of the layout below; a state of another one is not read.
constexpr int kVersion = 1;

// What the names of tensors begin with.
constexpr std::string_view kTrainer = "trainer/";
constexpr std::string_view kBestBase = "best_base/";

std::string BestName(std::size_t layer, const char* what) {
  return fmt::format("best_head/{}.{}", layer, what);
}

Json ToJson(const EpochFigures& figures) {
  const auto number = [](const std::optional<double>& value) {
    return value ? Json(*value) : Json();
  };
  return {figures.train_loss, number(figures.loss), number(figures.accuracy),
          number(figures.balanced_accuracy)};
}

EpochFigures FiguresFrom(const Json& json) {
  const auto number = [&](int place) {
    const Json& value = json.at(place);
    return value.is_null() ? std::optional<double>()
                           : std::optional(value.get<double>());
  };
  return {json.at(0).get<double>(), number(1), number(2), number(3)};
}

Json Numbers(const FitState& state) {
  Json epochs = Json::array(), layers = Json::array();
  for (const EpochFigures& figures : state.progress.so_far.epochs)
    epochs.push_back(ToJson(figures));
  for (const HeadLayer& layer : state.progress.so_far.weights.head)
    layers.push_back({layer.inputs, layer.outputs});
  const LearningRate::State& rate = state.learning_rate;
  return {{"version", kVersion},
          {"counters", state.trainer.counters},
          {"rate", rate.rate},
          {"rate_best", rate.best ? Json(*rate.best) : Json()},
          {"rate_bad_epochs", rate.bad_epochs},
          {"rate_cooldown", rate.cooldown},
          {"epochs", std::move(epochs)},
          {"best_head", std::move(layers)},
          {"stopped_early", state.progress.so_far.stopped_early},
          {"next", state.progress.next},
          {"steps", state.progress.steps},
          {"sum", state.progress.sum},
          {"best", state.progress.best},
          {"best_epoch", state.progress.best_epoch}};
}

void ReadNumbers(const Json& json, FitState& state) {
  json.at("counters").get_to(state.trainer.counters);
  LearningRate::State& rate = state.learning_rate;
  json.at("rate").get_to(rate.rate);
  if (!json.at("rate_best").is_null())
    rate.best = json.at("rate_best").get<double>();
  json.at("rate_bad_epochs").get_to(rate.bad_epochs);
  json.at("rate_cooldown").get_to(rate.cooldown);
  for (const Json& figures : json.at("epochs"))
    state.progress.so_far.epochs.push_back(FiguresFrom(figures));
  for (const Json& layer : json.at("best_head")) {
    HeadLayer& read = state.progress.so_far.weights.head.emplace_back();
    layer.at(0).get_to(read.inputs);
    layer.at(1).get_to(read.outputs);
  }
  json.at("stopped_early").get_to(state.progress.so_far.stopped_early);
  json.at("next").get_to(state.progress.next);
  json.at("steps").get_to(state.progress.steps);
  json.at("sum").get_to(state.progress.sum);
  json.at("best").get_to(state.progress.best);
  json.at("best_epoch").get_to(state.progress.best_epoch);
}

std::vector<std::int64_t> Flat(std::span<const float> values) {
  return {static_cast<std::int64_t>(values.size())};
}

Status ReadTensors(const Safetensors& file, FitState& state) {
  for (const TensorEntry& entry : file.tensors()) {
    const std::string_view name = entry.name;
    const bool of_trainer = name.starts_with(kTrainer);
    if (!of_trainer && !name.starts_with(kBestBase)) continue;
    BESOM_ASSIGN_OR_RETURN(std::vector<float> values,
                           file.Floats(name, entry.shape));
    if (of_trainer)
      state.trainer.tensors.emplace(name.substr(kTrainer.size()),
                                    std::move(values));
    else
      state.progress.so_far.weights.base.push_back(
          {{std::string(name.substr(kBestBase.size())), entry.shape},
           std::move(values)});
  }
  HeadWeights& head = state.progress.so_far.weights.head;
  for (std::size_t l = 0; l < head.size(); ++l) {
    HeadLayer& layer = head[l];
    if (layer.inputs < 1 || layer.outputs < 1)
      return CorruptError(kPlace, fmt::format("layer {} has no size", l));
    const std::int64_t padded = layer.padded();
    BESOM_ASSIGN_OR_RETURN(layer.weights, file.Floats(BestName(l, "weight"),
                                                      {layer.inputs * padded}));
    BESOM_ASSIGN_OR_RETURN(layer.bias,
                           file.Floats(BestName(l, "bias"), {padded}));
  }
  return Status::Ok();
}

}  // namespace

std::string PackFitState(const FitState& state) {
  std::vector<FloatTensor> tensors;
  for (const auto& [name, values] : state.trainer.tensors)
    tensors.push_back(
        {std::string(kTrainer) + name, Flat(values), std::span(values)});
  const FitWeights& best = state.progress.so_far.weights;
  for (std::size_t l = 0; l < best.head.size(); ++l) {
    const HeadLayer& layer = best.head[l];
    tensors.push_back(
        {BestName(l, "weight"), Flat(layer.weights), layer.weights});
    tensors.push_back({BestName(l, "bias"), Flat(layer.bias), layer.bias});
  }
  for (const NamedTensor& tensor : best.base)
    tensors.push_back({std::string(kBestBase) + tensor.parameter.name,
                       tensor.parameter.shape, tensor.values});
  return PackSafetensors(tensors, {{kMetadata, CanonicalText(Numbers(state))}});
}

Result<FitState> UnpackFitState(std::string bytes) {
  BESOM_ASSIGN_OR_RETURN(
      const Safetensors file,
      Safetensors::Open(Artifact::FromBytes(std::move(bytes)), kPlace));
  const auto text = file.metadata().find(kMetadata);
  if (text == file.metadata().end())
    return CorruptError(kPlace, "it is not one of a fit");
  BESOM_ASSIGN_OR_RETURN(const Json numbers, ParseJson(text->second, kPlace));
  FitState state;
  try {
    if (numbers.at("version") != kVersion)
      return CorruptError(kPlace, "another version wrote it");
    ReadNumbers(numbers, state);
  } catch (const Json::exception& error) {
    return CorruptError(kPlace, error.what());
  }
  if (const Status read = ReadTensors(file, state); !read.ok())
    return CorruptError(kPlace, read.ToString());
  return state;
}

}  // namespace besom::stages
