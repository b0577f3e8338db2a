#include "stages/model/export/exported_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/model/torch_script.h"

namespace besom::stages {
namespace {

constexpr const char* kPlace = "export";

Status CheckWeights(const ModelParts& parts) {
  if (parts.weights == "random") return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(const Digest digest, DigestOfFile(parts.weights_path));
  if (digest.Hex() == parts.weights) return Status::Ok();
  return InvalidError(parts.weights_path.string(),
                      "these are not the weights of the trial",
                      "put the file back that the sweep used");
}

Result<ParameterSource> SourceOf(const ModelParts& parts,
                                 const std::string& backbone) {
  if (parts.weights == "random") return RandomParameters(parts.seed, backbone);
  BESOM_ASSIGN_OR_RETURN(Safetensors file,
                         Safetensors::OpenFile(parts.weights_path));
  return ParametersOfFile(std::move(file));
}

Status AddLayers(const ModelParts& parts, ExportedModel& model) {
  BESOM_ASSIGN_OR_RETURN(
      model.backbone,
      DescribeBackbone(parts.model.at("backbone").get<std::string>()));
  const std::string cut = parts.model.at("cut");
  BESOM_ASSIGN_OR_RETURN(model.last, CutLayer(model.backbone, cut));
  BESOM_ASSIGN_OR_RETURN(const FeatureTap tap, TapOf(parts.model));
  BESOM_ASSIGN_OR_RETURN(model.edge,
                         TapLayer(model.backbone, tap.cut, tap.pooling));
  BESOM_ASSIGN_OR_RETURN(model.shapes, LayerShapes(model.backbone, parts.size));
  BESOM_ASSIGN_OR_RETURN(model.base, SourceOf(parts, model.backbone.name));
  BESOM_ASSIGN_OR_RETURN(
      const int dimension,
      PooledDimension(model.pooling,
                      MapAt(model.shapes, model.last, parts.size)));
  for (const ExportedModel::Fit& fit : model.fits)
    if (fit.head.dimension() != dimension)
      return CorruptError(kPlace, "the head does not fit the base");
  return Status::Ok();
}

Status AddFits(const ModelParts& parts, ExportedModel& model) {
  const bool several = parts.heads.size() > 1;
  for (const std::string& blob : parts.heads) {
    BESOM_ASSIGN_OR_RETURN(HeadModel head,
                           HeadModel::FromBlob(Artifact::FromBytes(blob)));
    if (!model.fits.empty() && head.classes() != model.classes())
      return CorruptError(kPlace, "the fits have different classes");
    std::string prefix =
        several ? fmt::format("fits.{}.", model.fits.size()) : "";
    model.fits.push_back({std::move(head), std::move(prefix)});
  }
  return Status::Ok();
}

Result<ExportedModel> Assemble(const ModelParts& parts) {
  ExportedModel model;
  model.size = parts.size;
  BESOM_RETURN_IF_ERROR(CheckWeights(parts));
  BESOM_ASSIGN_OR_RETURN(
      model.preprocessing,
      Preprocessing::FromJson(parts.model.at("preprocessing")));
  BESOM_ASSIGN_OR_RETURN(
      model.pooling,
      ParsePooling(parts.model.at("pooling").get<std::string>()));
  BESOM_RETURN_IF_ERROR(AddFits(parts, model));
  if (BackboneOf(parts.model) == kTorchScript)
    model.script = parts.weights_path;
  else
    BESOM_RETURN_IF_ERROR(AddLayers(parts, model));
  return model;
}

void AddHead(const ExportedModel::Fit& fit, TensorList& tensors) {
  const HeadWeights& layers = fit.head.layers();
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const HeadLayer& layer = layers[l];
    const std::string name = fmt::format("{}head.{}", fit.prefix, l);
    tensors.Add(name + ".weight", {layer.outputs, layer.inputs},
                TorchWeights(layer));
    tensors.Add(name + ".bias", {layer.outputs},
                {layer.bias.begin(), layer.bias.begin() + layer.outputs});
  }
}

Status AddOwnLayers(const ExportedModel& model, const ExportedModel::Fit& fit,
                    TensorList& tensors) {
  for (int i = model.edge + 1; i <= model.last; ++i)
    for (const Parameter& parameter :
         ParametersOf(model.backbone.layers[static_cast<std::size_t>(i)])) {
      const auto found = std::ranges::find(fit.head.base(), parameter,
                                           &NamedTensor::parameter);
      if (found == fit.head.base().end())
        return CorruptError("weights of the trial",
                            "no tensor " + parameter.name + " of its shape");
      tensors.Add(fit.prefix + parameter.name, parameter.shape, found->values);
    }
  return Status::Ok();
}

}  // namespace

Result<ExportedModel> AssembleModel(const ModelParts& parts) {
  BESOM_CHECK(!parts.heads.empty(), "a model without a head");
  try {
    return Assemble(parts);
  } catch (const Json::exception& error) {
    return InternalError(kPlace, error.what());
  }
}

void TensorList::Add(std::string name, std::vector<std::int64_t> shape,
                     std::vector<float> values) {
  numbers_.push_back(std::move(values));
  tensors_.push_back({std::move(name), std::move(shape), numbers_.back()});
}

Result<TensorList> TensorsOf(const ExportedModel& model) {
  TensorList tensors;
  if (model.script.empty())
    for (const Parameter& parameter :
         ParametersOf(model.backbone, model.edge)) {
      BESOM_ASSIGN_OR_RETURN(std::vector<float> values, model.base(parameter));
      tensors.Add(parameter.name, parameter.shape, std::move(values));
    }
  for (const ExportedModel::Fit& fit : model.fits) {
    BESOM_RETURN_IF_ERROR(AddOwnLayers(model, fit, tensors));
    AddHead(fit, tensors);
  }
  return tensors;
}

}  // namespace besom::stages
