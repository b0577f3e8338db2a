#include "pipeline/cli/machine/weights_folder.h"

#include <fmt/format.h>

#include "stages/model/backbone_catalog.h"
#include "stages/model/weights_store.h"

namespace besom::cli {
std::vector<WeightsEntry> ListWeights() {
  std::vector<WeightsEntry> entries;
  for (const std::string& name : stages::BackboneNames()) {
    const Path path = stages::PretrainedPath(name);
    entries.push_back({name, StatFile(path).ok(), path});
  }
  return entries;
}

std::string WeightsTable(const std::vector<WeightsEntry>& entries) {
  std::string table =
      fmt::format("{:<20} {:<14} {}\n", "backbone", "weights", "file");
  for (const WeightsEntry& entry : entries)
    table += fmt::format("{:<20} {:<14} {}\n", entry.backbone,
                         entry.present ? "present" : "not here",
                         entry.present ? entry.path.string() : "-");
  return table;
}

Result<Path> FindWeights(const std::string& backbone) {
  BESOM_ASSIGN_OR_RETURN(const stages::WeightsInfo info,
                         stages::ResolveWeights(backbone, "imagenet"));
  return info.path;
}

Result<Path> ImportWeights(const Path& file, const std::string& backbone,
                           bool replace) {
  // Absolute, so that a file named "random" is a file.
  std::error_code error;
  const Path source = std::filesystem::absolute(file, error);
  BESOM_ASSIGN_OR_RETURN(const stages::WeightsInfo info,
                         stages::ResolveWeights(backbone, source.string()));
  const Path target = stages::PretrainedPath(backbone);
  const Result<Digest> there = DigestOfFile(target);
  if (there.ok() && there->Hex() == info.digest) return target;
  if (there.ok() && !replace)
    return InvalidError(target.string(),
                        fmt::format("holds other weights of {}", backbone),
                        "to put these in their place, add --replace");
  BESOM_ASSIGN_OR_RETURN(const auto mapped, MappedFile::Open(source));
  BESOM_RETURN_IF_ERROR(WriteFileAtomic(target, mapped->bytes()));
  return target;
}

}  // namespace besom::cli
