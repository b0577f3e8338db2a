#include "stages/data/split_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/data/pixel_shard.h"
#include "stages/data/split_externals.h"
#include "stages/data/split_parts.h"
#include "stages/data/split_receipt.h"

namespace besom::stages {
namespace {

/// Every sweep trains on every class.
Status CheckTraining(const SourceScan& scan,
                     const std::vector<std::string>& classes,
                     const std::vector<FitParts>& fits,
                     std::vector<std::string>& warnings) {
  for (std::size_t f = 0; f < fits.size(); ++f)
    for (const std::string& name : classes) {
      std::array<int, 3> images = {0, 0, 0};
      std::array<int, 3> all = {0, 0, 0};
      for (std::size_t i = 0; i < scan.entries.size(); ++i) {
        if (fits[f].part[i] == kNoPart) continue;
        const auto part = static_cast<std::size_t>(fits[f].part[i]);
        ++all[part];
        images[part] += scan.entries[i].label == name ? 1 : 0;
      }
      if (images[kTrain] == 0)
        return InvalidError(
            fmt::format("split, class '{}'", name), "has no training image",
            "bring images of it, or take it out of ingest.classes");
      for (const SplitPart part : {kValidation, kTest})
        if (all[part] > 0 && images[part] == 0)
          warnings.push_back(
              fmt::format("fit {}: no image of class '{}' in {}", f, name,
                          kSplitParts[static_cast<std::size_t>(part)]));
    }
  return Status::Ok();
}

/// The promise of the split, looked at from the outside: it reads the table,
/// not what made it.
void AssertOneSide(const SourceScan& scan, const SplitTable& table) {
  const std::size_t fits =
      table.entries.empty() ? 0 : table.entries.front().sets.size();
  for (std::size_t f = 0; f < fits; ++f) {
    std::map<std::pair<std::string, std::string>, std::string> side;
    for (std::size_t i = 0; i < table.entries.size(); ++i) {
      const SplitEntry& entry = table.entries[i];
      if (scan.entries[i].external || entry.sets[f].empty()) continue;
      const auto [known, is_new] =
          side.emplace(std::pair(entry.patients, entry.group), entry.sets[f]);
      BESOM_CHECK(
          known->second == entry.sets[f],
          fmt::format("group {}/{} is in {} and {} of fit {}", entry.patients,
                      entry.group, known->second, entry.sets[f], f));
    }
  }
}

Result<DecodingOutcomes> ReadDecoded(const std::vector<Artifact>& artifacts) {
  DecodingOutcomes decoded;
  for (const Artifact& artifact : artifacts) {
    BESOM_ASSIGN_OR_RETURN(const PixelShard shard, PixelShard::Open(artifact));
    for (const PixelRecord& record : shard.records())
      decoded.emplace(record.content,
                      DecodingOutcome{record.error, record.pixels});
  }
  return decoded;
}

Result<NearPairs> ReadNear(const ArtifactMap& artifacts) {
  const auto port = artifacts.find("duplicates");
  if (port == artifacts.end() || port->second.empty()) return NearPairs{};
  BESOM_ASSIGN_OR_RETURN(const Json json,
                         ParseJson(port->second.front().text(), "duplicates"));
  return NearPairs::FromJson(json);
}

}  // namespace

Result<SplitTable> ComputeSplit(const SourceScan& scan,
                                const std::vector<std::string>& classes,
                                const DecodingOutcomes& decoded,
                                const SplitOptions& options,
                                const NearPairs& near) {
  BESOM_ASSIGN_OR_RETURN(ScreenedScan screened,
                         ScreenScan(scan, classes, decoded, near, options));
  const std::vector<SplitGroup> groups = GroupImages(scan, screened, options);
  std::vector<std::string> warnings, leaks;
  auto fits = options.rows
                  ? GivenFits(scan, groups, options, screened, warnings)
                  : DrawFits(scan, classes, groups, options);
  if (!fits.ok()) return fits.status();
  BESOM_RETURN_IF_ERROR(CheckTraining(scan, classes, *fits, warnings));
  BESOM_RETURN_IF_ERROR(ScreenExternals(scan, *fits, screened, leaks));
  SplitTable table = TableOf(scan, classes, screened, *fits, options);
  if (options.group) AssertOneSide(scan, table);
  table.receipt = MakeReceipt(scan, table, screened, groups, *fits, options);
  for (std::string& leak : leaks)
    table.receipt["leaks"].push_back(std::move(leak));
  table.receipt["warnings"] = warnings;
  return table;
}

Result<StageOutput> SplitStage::Run(const StageInput& input) {
  BESOM_ASSIGN_OR_RETURN(const SplitOptions options,
                         SplitOptions::FromJson(input.params));
  const auto scan_port = input.artifacts.find("scan");
  BESOM_CHECK(
      scan_port != input.artifacts.end() && scan_port->second.size() == 1,
      "the split needs one scan");
  BESOM_ASSIGN_OR_RETURN(const Json json,
                         ParseJson(scan_port->second.front().text(), "scan"));
  BESOM_ASSIGN_OR_RETURN(const SourceScan scan, SourceScan::FromJson(json));
  const auto pixels = input.artifacts.find("pixels");
  BESOM_ASSIGN_OR_RETURN(
      const DecodingOutcomes decoded,
      ReadDecoded(pixels == input.artifacts.end() ? std::vector<Artifact>{}
                                                  : pixels->second));
  BESOM_ASSIGN_OR_RETURN(const NearPairs near, ReadNear(input.artifacts));
  const auto classes =
      input.params.at("classes").get<std::vector<std::string>>();
  BESOM_ASSIGN_OR_RETURN(const SplitTable table,
                         ComputeSplit(scan, classes, decoded, options, near));
  StageOutput output;
  output.blobs["split"] = CanonicalText(table.ToJson());
  output.counters = {{"images", table.receipt.at("images")},
                     {"used", table.receipt.at("used")}};
  return output;
}

}  // namespace besom::stages
