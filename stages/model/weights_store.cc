#include "stages/model/weights_store.h"

#include <fmt/format.h>

#include <cstdlib>

#include "stages/model/backbone_catalog.h"

namespace besom::stages {
namespace {

constexpr const char* kPlace = "model.weights";

/// What is wrong with a parameter of the base; null when nothing is.
const char* FaultOf(const TensorEntry* entry, const Parameter& parameter) {
  if (entry == nullptr) return "is missing";
  if (entry->shape != parameter.shape) return "has another shape";
  const std::string& type = entry->dtype;
  if (type != "F32" && type != "F16" && type != "BF16" && type != "F64")
    return "holds no floating point numbers";
  return nullptr;
}

/// Every parameter of the base must be there, with its shape.
Status CheckFits(const Safetensors& file, const Backbone& backbone,
                 const std::string& place) {
  const int last = static_cast<int>(backbone.layers.size()) - 1;
  for (const Parameter& parameter : ParametersOf(backbone, last)) {
    const TensorEntry* entry = file.Find(parameter.name);
    const char* fault = FaultOf(entry, parameter);
    if (fault == nullptr) continue;
    return InvalidError(
        place,
        fmt::format("these are not weights of {}: tensor {} {}", backbone.name,
                    parameter.name, fault),
        fmt::format("name a .safetensors file with {}'s parameter names",
                    backbone.parameter_names));
  }
  return Status::Ok();
}

std::string MetadataOr(const Safetensors& file, const char* key) {
  const auto it = file.metadata().find(key);
  return it == file.metadata().end() ? "" : it->second;
}

bool IsThere(const Path& path) { return StatFile(path).ok(); }

/// True for what can only be a file's name: `model.weights` says
/// FILE.safetensors, names of weights hold no slash.
bool LooksLikeFile(std::string_view weights) {
  return weights.ends_with(".safetensors") ||
         weights.find('/') != std::string_view::npos;
}

Result<Path> FindFile(const std::string& weights) {
  const auto stat = StatFile(weights);
  if (stat.ok()) return Path(weights);
  return InvalidError(
      kPlace, fmt::format("cannot open {}: {}", weights, stat.status().cause()),
      "name a .safetensors file, a name of `besom weights list`, imagenet or "
      "random");
}

Result<Path> FindImagenet(const std::string& backbone,
                          const WeightsRegistry& registry) {
  const Path path = WeightsPath(backbone);
  if (IsThere(path)) return path;
  const PretrainedWeights* entry = registry.Imagenet(backbone);
  if (entry != nullptr && IsThere(WeightsPath(entry->name)))
    return WeightsPath(entry->name);
  return Status(
      StatusCode::kUnavailable, kPlace,
      fmt::format("ImageNet weights of {} are not on this machine ({})",
                  backbone, path.string()),
      entry != nullptr
          ? fmt::format("besom weights fetch {}", backbone)
          : fmt::format("say weights: FILE.safetensors with {}'s weights",
                        backbone));
}

}  // namespace

Path WeightsFolder() {
  if (const char* folder = std::getenv("BESOM_WEIGHTS");
      folder != nullptr && *folder)
    return folder;
  return BESOM_DEFAULT_WEIGHTS;
}

Path WeightsPath(const std::string& name) {
  return WeightsFolder() / (name + ".safetensors");
}

Result<Path> FindEntry(const PretrainedWeights& entry) {
  const Path own = WeightsPath(entry.name);
  if (IsThere(own)) return own;
  const Path shared = WeightsPath(entry.backbone);
  const auto opened = Safetensors::OpenFile(shared);
  if (opened.ok() && MetadataOr(*opened, "source") == entry.source())
    return shared;
  return Status(
      StatusCode::kUnavailable, kPlace,
      fmt::format("{} is not on this machine ({})", entry.name, own.string()),
      fmt::format("besom weights fetch {}", entry.name));
}

Result<Path> FindWeights(const std::string& backbone,
                         const std::string& weights,
                         const WeightsRegistry& registry) {
  if (weights == "imagenet") return FindImagenet(backbone, registry);
  if (LooksLikeFile(weights)) return FindFile(weights);
  const std::string known = fmt::format(
      "{} has: imagenet, random, {}; or say FILE.safetensors "
      "(other formats: besom weights import FILE)",
      backbone, registry.NamesOf(backbone));
  if (const PretrainedWeights* entry = registry.Find(weights)) {
    if (entry->backbone == backbone) return FindEntry(*entry);
    return InvalidError(kPlace,
                        fmt::format("{} is of {}, not of {}", weights,
                                    entry->backbone, backbone),
                        known);
  }
  if (const Path imported = WeightsPath(weights); IsThere(imported))
    return imported;
  return InvalidError(
      kPlace, fmt::format("there are no weights named {}", weights), known);
}

Status CheckedWeights::Check(const Path& weights, std::string_view digest) {
  BESOM_ASSIGN_OR_RETURN(const FileStat stat, StatFile(weights));
  AsPlanned now{stat, std::string(digest)};
  const auto known = checked_.find(weights);
  if (known != checked_.end() && known->second == now) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(const Digest found, DigestOfFile(weights));
  if (found.Hex() != digest)
    return CorruptError(weights.string(),
                        "the weights have changed since they were planned",
                        "put the file back, or run the sweep again");
  checked_[weights] = std::move(now);
  return Status::Ok();
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
  BESOM_ASSIGN_OR_RETURN(const WeightsRegistry registry,
                         WeightsRegistry::Load());
  BESOM_ASSIGN_OR_RETURN(info.path, FindWeights(backbone, weights, registry));
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
  if (const PretrainedWeights* entry = registry.OfSource(backbone, info.source))
    info.entry = entry->name;
  return info;
}

}  // namespace besom::stages
