#include "stages/model/head/head_model.h"

#include <fmt/format.h>

#include <cmath>

#include "pipeline/base/check.h"
#include "stages/metric/metrics.h"
#include "stages/model/safetensors.h"

namespace besom::stages {
namespace {

constexpr const char* kPlace = "head weights";
constexpr const char* kHeadPrefix = "head.";

HeadLayer FromTorch(int inputs, int outputs, const std::vector<float>& weights,
                    const std::vector<float>& bias) {
  HeadLayer layer{inputs, outputs, {}, {}};
  layer.weights.assign(static_cast<std::size_t>(inputs) * layer.padded(), 0);
  layer.bias.assign(layer.padded(), 0);
  for (int o = 0; o < outputs; ++o) {
    layer.bias[o] = bias[o];
    for (int i = 0; i < inputs; ++i)
      layer.weights[static_cast<std::size_t>(i) * layer.padded() + o] =
          weights[static_cast<std::size_t>(o) * inputs + i];
  }
  return layer;
}

Result<HeadLayer> ReadLayer(const Safetensors& file, std::size_t index) {
  const std::string weight = fmt::format("head.{}.weight", index);
  const TensorEntry* entry = file.Find(weight);
  if (entry == nullptr || entry->shape.size() != 2)
    return CorruptError(kPlace, fmt::format("no matrix '{}'", weight));
  BESOM_ASSIGN_OR_RETURN(const std::vector<float> weights,
                         file.Floats(weight, entry->shape));
  BESOM_ASSIGN_OR_RETURN(
      const std::vector<float> bias,
      file.Floats(fmt::format("head.{}.bias", index), {entry->shape[0]}));
  return FromTorch(static_cast<int>(entry->shape[1]),
                   static_cast<int>(entry->shape[0]), weights, bias);
}

Status CheckChain(const HeadWeights& layers,
                  const std::vector<std::string>& classes) {
  for (std::size_t l = 1; l < layers.size(); ++l)
    if (layers[l].inputs != layers[l - 1].outputs)
      return CorruptError(kPlace, fmt::format("layer {} does not fit", l));
  if (layers.empty() || layers.front().inputs < 1 || classes.empty() ||
      layers.back().outputs != static_cast<int>(classes.size()))
    return CorruptError(kPlace, "classes and outputs differ");
  return Status::Ok();
}

}  // namespace

HeadModel::HeadModel(HeadWeights layers, Json description,
                     std::vector<NamedTensor> base)
    : layers_(std::move(layers)),
      base_(std::move(base)),
      description_(std::move(description)) {
  description_.at("classes").get_to(classes_);
  const Status fits = CheckChain(layers_, classes_);
  BESOM_CHECK(fits.ok(), fits.ToString());
}

Result<HeadModel> HeadModel::FromBlob(Artifact blob) {
  BESOM_ASSIGN_OR_RETURN(const Safetensors file,
                         Safetensors::Open(std::move(blob), kPlace));
  const auto text = file.metadata().find("besom");
  if (text == file.metadata().end())
    return CorruptError(kPlace, "no description of the head");
  BESOM_ASSIGN_OR_RETURN(Json description, ParseJson(text->second, kPlace));
  HeadWeights layers;
  while (file.Find(fmt::format("head.{}.weight", layers.size()))) {
    BESOM_ASSIGN_OR_RETURN(HeadLayer layer, ReadLayer(file, layers.size()));
    layers.push_back(std::move(layer));
  }
  std::vector<NamedTensor> base;
  for (const TensorEntry& entry : file.tensors()) {
    if (entry.name.starts_with(kHeadPrefix)) continue;
    BESOM_ASSIGN_OR_RETURN(std::vector<float> values,
                           file.Floats(entry.name, entry.shape));
    base.push_back({{entry.name, entry.shape}, std::move(values)});
  }
  try {
    BESOM_RETURN_IF_ERROR(CheckChain(
        layers, description.at("classes").get<std::vector<std::string>>()));
  } catch (const Json::exception& error) {
    return CorruptError(kPlace, error.what());
  }
  return HeadModel(std::move(layers), std::move(description), std::move(base));
}

std::string HeadModel::ToBlob() const {
  std::vector<std::vector<float>> matrices;
  std::vector<FloatTensor> tensors;
  for (const HeadLayer& layer : layers_)
    matrices.push_back(TorchWeights(layer));
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const HeadLayer& layer = layers_[l];
    tensors.push_back({fmt::format("head.{}.weight", l),
                       {layer.outputs, layer.inputs},
                       matrices[l]});
    tensors.push_back({fmt::format("head.{}.bias", l),
                       {layer.outputs},
                       std::span(layer.bias).first(layer.outputs)});
  }
  for (const NamedTensor& tensor : base_)
    tensors.push_back(
        {tensor.parameter.name, tensor.parameter.shape, tensor.values});
  return PackSafetensors(
      tensors, {{"format", "pt"}, {"besom", CanonicalText(description_)}});
}

std::vector<HeadOutput> HeadModel::Evaluate(
    std::span<const float* const> rows) const {
  const std::vector<float> logits =
      HeadLogits(layers_, rows, BestHeadKernels());
  std::vector<HeadOutput> outputs;
  outputs.reserve(rows.size());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    HeadOutput& output = outputs.emplace_back();
    output.log_probabilities = LogSoftmax(
        std::span(logits).subspan(r * classes_.size(), classes_.size()));
    for (const double log_p : output.log_probabilities)
      output.probabilities.push_back(std::exp(log_p));
  }
  return outputs;
}

}  // namespace besom::stages
