#include "pipeline/cli/machine/weights_import.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "stages/model/weights/foreign_file.h"
#include "stages/model/weights/published_file.h"
#include "stages/model/weights/state_names.h"
#include "stages/model/weights_store.h"

namespace besom::cli {
namespace {

constexpr std::size_t kLongestName = 100;

/// What is known of the weights before they are converted.
struct Subject {
  const ImportOptions& options;
  const stages::WeightsRegistry& registry;
  std::string sha256;
  const stages::PretrainedWeights* entry;  ///< Null: no published file.
  stages::Safetensors file;
};

std::string MetadataOr(const stages::Safetensors& file, const char* key) {
  const auto it = file.metadata().find(key);
  return it == file.metadata().end() ? "" : it->second;
}

/// The backbones of the registry that are built.
std::vector<stages::Backbone> BuiltBackbones(
    const stages::WeightsRegistry& registry) {
  std::vector<stages::Backbone> built;
  for (const stages::PretrainedWeights& entry : registry.entries()) {
    if (!built.empty() && built.back().name == entry.backbone) continue;
    auto backbone = stages::DescribeBackbone(entry.backbone);
    if (backbone.ok()) built.push_back(std::move(*backbone));
  }
  return built;
}

/// The only backbone that the tensors fit.
Result<stages::Backbone> DetectBackbone(const Subject& subject) {
  std::vector<std::string> names, fitting;
  const auto built = BuiltBackbones(subject.registry);
  const stages::Backbone* found = nullptr;
  for (const stages::Backbone& backbone : built) {
    names.push_back(backbone.name);
    if (!stages::MatchWeights(subject.file, backbone).fits()) continue;
    fitting.push_back(backbone.name);
    found = &backbone;
  }
  if (fitting.size() == 1) return *found;
  return InvalidError(
      subject.options.file.string(),
      fitting.empty()
          ? fmt::format("its tensors fit none of {}", fmt::join(names, ", "))
          : fmt::format("its tensors fit {}", fmt::join(fitting, " and ")),
      "say which it is: --architecture NAME (that tells what is missing)");
}

Result<stages::Backbone> BackboneOf(const Subject& subject) {
  const std::string& asked = subject.options.architecture;
  if (subject.entry != nullptr) {
    if (!asked.empty() && asked != subject.entry->backbone)
      return InvalidError(
          subject.options.file.string(),
          fmt::format("this is {}, of {} and not of {}", subject.entry->name,
                      subject.entry->backbone, asked));
    return stages::DescribeBackbone(subject.entry->backbone);
  }
  if (!asked.empty()) return stages::DescribeBackbone(asked);
  const std::string said = MetadataOr(subject.file, "architecture");
  if (auto backbone = stages::DescribeBackbone(said); backbone.ok())
    return backbone;
  return DetectBackbone(subject);
}

/// What pixels go through, from the surest to the usual.
Result<stages::Preprocessing> PreprocessingFor(
    const Subject& subject, const stages::Backbone& backbone) {
  const std::string& asked = subject.options.preprocessing;
  if (!asked.empty()) {
    const Json json = Json::parse(asked, nullptr, /*allow_exceptions=*/false);
    const auto parsed =
        stages::Preprocessing::FromJson(json.is_object() ? json : Json(asked));
    if (parsed.ok()) return parsed;
    return InvalidError(
        "--preprocessing", parsed.status().cause(),
        "caffe, torch, tf, unit, or {\"mean\": [a, b, c], "
        "\"std\": [a, b, c], \"order\": \"rgb\", \"range\": 1}");
  }
  if (subject.entry != nullptr)
    return stages::Preprocessing::FromJson(subject.entry->preprocessing);
  // keras.applications feeds its VGGs as Caffe did, its DenseNets as Torch.
  const auto& tensors = subject.file.tensors();
  const bool keras = std::any_of(tensors.begin(), tensors.end(),
                                 [](const stages::TensorEntry& tensor) {
                                   return stages::IsKerasName(tensor.name);
                                 });
  if (keras && backbone.name.starts_with("vgg"))
    return stages::Preprocessing::Caffe();
  return stages::PreprocessingOf(subject.file, backbone.preprocessing);
}

std::map<std::string, std::string> MetadataFor(
    const Subject& subject, const stages::Backbone& backbone,
    const stages::Preprocessing& preprocessing) {
  std::map<std::string, std::string> metadata = subject.file.metadata();
  // Keras's spellings of the preprocessing, and what the reader put there.
  for (const char* key : {"preprocess", "channels", "format"})
    metadata.erase(key);
  metadata["architecture"] = backbone.name;
  metadata["layout"] = backbone.parameter_names;
  metadata["preprocessing"] = preprocessing.ToJson().dump();
  metadata["source_sha256"] = subject.sha256;
  if (subject.entry != nullptr) {
    metadata["source"] = subject.entry->source();
    metadata["license"] = subject.entry->license;
    metadata["citation"] = subject.entry->citation;
  } else if (!metadata.contains("source")) {
    metadata["source"] = subject.options.file.filename().string();
  }
  if (!subject.options.license.empty())
    metadata["license"] = subject.options.license;
  return metadata;
}

/// A name says whose weights it means: BACKBONE.WORD, or the backbone's own.
Status CheckName(const Subject& subject, const std::string& backbone) {
  const std::string& name = subject.options.name;
  const std::string start = backbone + ".";
  const bool letters =
      std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
      });
  const bool dotted = name.starts_with(start) && name.size() > start.size() &&
                      name.size() <= kLongestName &&
                      !name.ends_with(".safetensors");
  if (name != backbone && !(letters && dotted))
    return InvalidError("--name",
                        fmt::format("{} is no name for weights of {}",
                                    Json(name).dump(), backbone),
                        fmt::format("take {}mine: letters, digits, '.', '_' "
                                    "and '-' behind {}",
                                    start, start));
  const stages::PretrainedWeights* known = subject.registry.Find(name);
  if (known != nullptr && known != subject.entry)
    return InvalidError("--name", name + " means other, published weights",
                        fmt::format("take one like {}mine", start));
  return Status::Ok();
}

Result<Path> PathFor(const Subject& subject, const std::string& backbone) {
  if (!subject.options.name.empty()) {
    BESOM_RETURN_IF_ERROR(CheckName(subject, backbone));
    return stages::WeightsPath(subject.options.name);
  }
  if (subject.entry != nullptr) return TargetOf(*subject.entry);
  return stages::WeightsPath(backbone);
}

/// Puts the file there unless it is there.
Status Publish(const std::string& bytes, const Path& target, bool replace) {
  const Result<Digest> there = DigestOfFile(target);
  if (there.ok() && *there == DigestOf(bytes)) return Status::Ok();
  if (there.ok() && !replace)
    return InvalidError(target.string(), "holds other weights",
                        "to put these in their place, add --replace; to have "
                        "both, add --name NAME");
  return WriteFileAtomic(target, bytes);
}

}  // namespace

Result<ImportedWeights> ImportWeights(const ImportOptions& options,
                                      const stages::WeightsRegistry& registry) {
  const std::string place = options.file.string();
  const auto digests = stages::DigestsOf(options.file);
  if (!digests.ok())
    return InvalidError(place, digests.status().cause(), "name a file");
  BESOM_ASSIGN_OR_RETURN(
      stages::Safetensors file,
      stages::OpenForeignWeights(options.file, stages::WeightsFolder()));
  const Subject subject{options, registry, digests->sha256,
                        options.entry.empty()
                            ? stages::EntryOf(*digests, registry)
                            : registry.Find(options.entry),
                        std::move(file)};
  BESOM_ASSIGN_OR_RETURN(const stages::Backbone backbone, BackboneOf(subject));
  ImportedWeights imported{.backbone = backbone.name};
  BESOM_ASSIGN_OR_RETURN(imported.path, PathFor(subject, backbone.name));
  BESOM_ASSIGN_OR_RETURN(const stages::Preprocessing preprocessing,
                         PreprocessingFor(subject, backbone));
  BESOM_ASSIGN_OR_RETURN(
      stages::ConvertedWeights converted,
      stages::ConvertWeights(subject.file, backbone,
                             MetadataFor(subject, backbone, preprocessing),
                             place));
  BESOM_RETURN_IF_ERROR(
      Publish(converted.bytes, imported.path, options.replace));
  imported.match = std::move(converted.match);
  if (subject.entry != nullptr) imported.entry = subject.entry->name;
  return imported;
}

Path TargetOf(const stages::PretrainedWeights& entry) {
  const auto there = stages::FindEntry(entry);
  if (there.ok()) return *there;
  const Path shared = stages::WeightsPath(entry.backbone);
  if (entry.imagenet && !StatFile(shared).ok()) return shared;
  return stages::WeightsPath(entry.name);
}

}  // namespace besom::cli
