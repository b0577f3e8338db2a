#include "stages/model/weights_store.h"

#include <fmt/format.h>

#include <cstdlib>

#include "stages/model/backbone_catalog.h"

namespace besom::stages {
namespace {

constexpr const char* kPlace = "model.weights";

/// Every parameter of the base must be there, with its shape.
Status CheckFits(const Safetensors& file, const Backbone& backbone,
                 const std::string& place) {
  const int last = static_cast<int>(backbone.layers.size()) - 1;
  for (const Parameter& parameter : ParametersOf(backbone, last)) {
    const TensorEntry* entry = file.Find(parameter.name);
    if (entry != nullptr && entry->shape == parameter.shape) continue;
    return InvalidError(
        place,
        fmt::format("these are not weights of {}: tensor {} {}", backbone.name,
                    parameter.name,
                    entry == nullptr ? "is missing" : "has another shape"),
        fmt::format("name a .safetensors file with {}'s parameter names",
                    backbone.parameter_names));
  }
  return Status::Ok();
}

std::string MetadataOr(const Safetensors& file, const char* key) {
  const auto it = file.metadata().find(key);
  return it == file.metadata().end() ? "" : it->second;
}

/// The file that `weights` names, and that it is there.
Result<Path> FindFile(const std::string& backbone, const std::string& weights) {
  const bool pretrained = weights == "imagenet";
  const Path path = pretrained ? PretrainedPath(backbone) : Path(weights);
  const auto stat = StatFile(path);
  if (stat.ok()) return path;
  if (!pretrained)
    return InvalidError(
        kPlace,
        fmt::format("cannot open {}: {}", weights, stat.status().cause()),
        "name a .safetensors file, imagenet or random");
  return Status(
      StatusCode::kUnavailable, kPlace,
      fmt::format("ImageNet weights of {} are not on this machine ({})",
                  backbone, path.string()),
      fmt::format("put them there, or say weights: FILE.safetensors with {}'s "
                  "weights",
                  backbone));
}

}  // namespace

Path WeightsFolder() {
  if (const char* folder = std::getenv("BESOM_WEIGHTS");
      folder != nullptr && *folder)
    return folder;
  return BESOM_DEFAULT_WEIGHTS;
}

Path PretrainedPath(const std::string& backbone) {
  return WeightsFolder() / (backbone + ".safetensors");
}

Status CheckUnchanged(const Path& weights, std::string_view digest) {
  BESOM_ASSIGN_OR_RETURN(const Digest found, DigestOfFile(weights));
  if (found.Hex() == digest) return Status::Ok();
  return CorruptError(weights.string(),
                      "the weights have changed since they were planned",
                      "put the file back, or run the sweep again");
}

Result<Preprocessing> PreprocessingOf(const Safetensors& file,
                                      const Preprocessing& fallback) {
  std::string text = MetadataOr(file, "preprocessing");
  if (text.empty()) text = MetadataOr(file, "preprocess");
  if (text.empty()) return fallback;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return Preprocessing::FromJson(json.is_object() ? json : Json(text));
}

Result<WeightsInfo> ResolveWeights(const std::string& backbone,
                                   const std::string& weights,
                                   const DigestFunction& digest) {
  BESOM_ASSIGN_OR_RETURN(const Backbone described, DescribeBackbone(backbone));
  WeightsInfo info{.backbone = backbone,
                   .weights = weights,
                   .digest = "random",
                   .preprocessing = described.preprocessing};
  if (weights == "random") return info;
  BESOM_ASSIGN_OR_RETURN(info.path, FindFile(backbone, weights));
  const std::string place = fmt::format("{} ({})", kPlace, info.path.string());
  const auto opened = Safetensors::OpenFile(info.path);
  if (!opened.ok())
    return InvalidError(place, opened.status().cause(),
                        "name a whole .safetensors file");
  BESOM_RETURN_IF_ERROR(CheckFits(*opened, described, place));
  auto preprocessing = PreprocessingOf(*opened, described.preprocessing);
  if (!preprocessing.ok()) return preprocessing.status().Within(place);
  info.preprocessing = *preprocessing;
  BESOM_ASSIGN_OR_RETURN(const Digest hashed, digest(info.path));
  info.digest = hashed.Hex();
  info.license = MetadataOr(*opened, "license");
  info.source = MetadataOr(*opened, "source");
  return info;
}

}  // namespace besom::stages
