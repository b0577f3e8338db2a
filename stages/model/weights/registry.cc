#include "stages/model/weights/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace besom::stages {
namespace {

constexpr std::size_t kShortestPrefix = 8;

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Reads one entry; every accessor of the JSON library that is used here
/// throws on another type, which the caller turns into a word.
PretrainedWeights ReadEntry(const Json& json) {
  PretrainedWeights entry;
  entry.name = json.at("name");
  entry.backbone = json.at("backbone");
  entry.imagenet = json.value("imagenet", false);
  entry.publisher = json.at("publisher");
  entry.url = json.value("url", "");
  entry.package = json.value("package", "");
  entry.mebibytes = json.value("mebibytes", 0.0);
  entry.preprocessing = json.at("preprocessing");
  entry.input_size = json.at("input_size");
  entry.license = json.at("license");
  entry.citation = json.at("citation");
  using Kind = PublishedDigest::Kind;
  for (const auto& [key, kind] : {std::pair{"sha256", Kind::kSha256},
                                  {"sha256_prefix", Kind::kSha256Prefix},
                                  {"md5", Kind::kMd5}})
    if (json.contains(key) && entry.digest.hex.empty())
      entry.digest = {kind, json.at(key)};
  return entry;
}

bool HasProperDigest(const PretrainedWeights& entry) {
  const std::size_t digits = entry.digest.hex.size();
  if (!IsHex(entry.digest.hex)) return false;
  switch (entry.digest.kind) {
    case PublishedDigest::Kind::kSha256:
      return digits == 64;
    case PublishedDigest::Kind::kSha256Prefix:
      return digits >= kShortestPrefix && digits < 64;
    case PublishedDigest::Kind::kMd5:
      return digits == 32;
  }
  return false;
}

/// What is wrong with an entry by itself; empty when nothing is.
std::string Fault(const PretrainedWeights& entry) {
  const std::string start = entry.backbone + ".";
  if (!entry.name.starts_with(start) || entry.name.size() == start.size())
    return "its name does not begin with its backbone and a dot";
  if (entry.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._") !=
      std::string::npos)
    return "its name has other letters than a-z, 0-9, '.' and '_'";
  if (entry.url.empty() == entry.package.empty())
    return "it has not exactly one of url and package";
  if (!HasProperDigest(entry))
    return "it has no digest (sha256, sha256_prefix of 8 digits or more, md5)";
  return "";
}

}  // namespace

std::string PublishedDigest::ToText() const {
  switch (kind) {
    case Kind::kSha256:
      return "sha256:" + hex;
    case Kind::kSha256Prefix:
      return "sha256:" + hex + "...";
    case Kind::kMd5:
      return "md5:" + hex;
  }
  return "";
}

Result<WeightsRegistry> WeightsRegistry::Load() {
  const char* file = std::getenv("BESOM_WEIGHTS_REGISTRY");
  if (file == nullptr || *file == '\0')
    return Parse(BuiltInText(), "stages/model/weights/registry.json");
  const Result<std::string> text = ReadFile(file);
  if (!text.ok())
    return InvalidError(
        fmt::format("BESOM_WEIGHTS_REGISTRY ({})", file), text.status().cause(),
        "name a file in the format of stages/model/weights/registry.json, or "
        "unset the variable");
  return Parse(*text, file);
}

Result<WeightsRegistry> WeightsRegistry::Parse(std::string_view text,
                                               std::string_view place) {
  const auto invalid = [&](const std::string& cause) {
    return InvalidError(
        std::string(place), cause,
        "the format is that of stages/model/weights/registry.json");
  };
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return invalid("not a JSON list of entries");
  WeightsRegistry registry;
  std::set<std::string> names, defaults;
  for (const Json& item : json) {
    PretrainedWeights entry;
    try {
      entry = ReadEntry(item);
    } catch (const Json::exception& error) {
      return invalid(fmt::format("entry {}: {}", registry.entries_.size() + 1,
                                 error.what()));
    }
    std::string fault = Fault(entry);
    if (!names.insert(entry.name).second) fault = "its name is there twice";
    if (entry.imagenet && !defaults.insert(entry.backbone).second)
      fault = "its backbone has two entries for `imagenet`";
    if (!fault.empty())
      return invalid(fmt::format("entry {}: {}", entry.name, fault));
    registry.entries_.push_back(std::move(entry));
  }
  return registry;
}

const PretrainedWeights* WeightsRegistry::Find(std::string_view name) const {
  for (const PretrainedWeights& entry : entries_)
    if (entry.name == name) return &entry;
  return nullptr;
}

const PretrainedWeights* WeightsRegistry::Imagenet(
    std::string_view backbone) const {
  for (const PretrainedWeights& entry : entries_)
    if (entry.backbone == backbone && entry.imagenet) return &entry;
  return nullptr;
}

const PretrainedWeights* WeightsRegistry::OfSource(
    std::string_view backbone, std::string_view source) const {
  for (const PretrainedWeights& entry : entries_)
    if (entry.backbone == backbone && entry.source() == source) return &entry;
  return nullptr;
}

std::string WeightsRegistry::NamesOf(std::string_view backbone) const {
  std::string names;
  for (const PretrainedWeights& entry : entries_) {
    if (entry.backbone != backbone) continue;
    if (!names.empty()) names += ", ";
    names += entry.name;
  }
  return names;
}

}  // namespace besom::stages
