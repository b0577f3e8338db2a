#include "stages/data/augment_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/data/contact_sheet.h"
#include "stages/data/pixel_shard.h"
#include "stages/data/split_table.h"
#include "stages/data/view.h"

namespace besom::stages {
namespace {

constexpr int kMostColumns = 5;  ///< Augmented views of a sheet.
constexpr int kRowsPerClass = 3;
constexpr int kTile = 128;

const std::vector<Artifact>& Port(const StageInput& input, const char* name) {
  const auto found = input.artifacts.find(name);
  BESOM_CHECK(found != input.artifacts.end(), name);
  return found->second;
}

/// Entries that are trained on in some fit, one of each content.
std::vector<std::size_t> TrainedEntries(const SplitTable& split) {
  std::vector<std::size_t> trained;
  std::unordered_set<Digest> seen;
  for (std::size_t i = 0; i < split.entries.size(); ++i)
    if (split.IsEverTrained(i) && seen.insert(split.entries[i].content).second)
      trained.push_back(i);
  return trained;
}

Json ViewsOf(const AugmentSettings& settings, const SplitEntry& entry,
             std::uint64_t seed) {
  Json views = Json::array();
  for (int number = 1; number <= settings.views; ++number) {
    Json view = DrawView(settings, entry.content, number, seed).ToJson();
    view["number"] = number;
    views.push_back(std::move(view));
  }
  return views;
}

Json TableOf(const SplitTable& split, const std::vector<std::size_t>& trained,
             const Json& section, const AugmentSettings& settings,
             std::uint64_t seed) {
  const auto views = static_cast<std::size_t>(std::max(1, settings.views));
  const std::size_t listed =
      settings.views == 0
          ? 0
          : std::min(trained.size(),
                     std::max<std::size_t>(1, kMostViewRows / views));
  Json images = Json::array();
  for (std::size_t i = 0; i < listed; ++i) {
    const SplitEntry& entry = split.entries[trained[i]];
    images.push_back({{"source", entry.source},
                      {"path", entry.path},
                      {"content", entry.content.Hex()},
                      {"views", ViewsOf(settings, entry, seed)}});
  }
  Json table = {{"settings", section},
                {"seed", seed},
                {"training_images", trained.size()},
                {"listed_images", listed},
                {"images", std::move(images)}};
  if (settings.views == 0)
    table["note"] = "no augmentation: training sees the plain images";
  else if (listed < trained.size())
    table["note"] = fmt::format(
        "lists the views of the first {} of {} training images; the others "
        "follow from the same settings",
        listed, trained.size());
  return table;
}

/// Finds the pixels of a content over several shards.
class PixelFinder {
 public:
  static Result<PixelFinder> Over(const std::vector<Artifact>& artifacts) {
    PixelFinder finder;
    for (const Artifact& artifact : artifacts) {
      BESOM_ASSIGN_OR_RETURN(PixelShard shard, PixelShard::Open(artifact));
      finder.shards_.push_back(std::move(shard));
    }
    return finder;
  }

  /// The plain picture; empty pixels when no shard holds it.
  SheetTile Find(const Digest& content) const {
    for (const PixelShard& shard : shards_) {
      const std::optional<std::size_t> at = shard.Find(content);
      if (!at || !shard.records()[*at].error.empty()) continue;
      const auto pixels = shard.pixels(*at);
      return {{pixels.begin(), pixels.end()},
              shard.size(),
              shard.records()[*at].channels};
    }
    return {};
  }

 private:
  std::vector<PixelShard> shards_;
};

SheetRow RowOf(const SplitEntry& entry, const PixelFinder& pixels,
               const AugmentSettings& settings, std::uint64_t seed) {
  SheetRow row{entry.label, {pixels.Find(entry.content)}};
  const SheetTile plain = row.tiles.front();
  if (plain.pixels.empty()) return row;
  for (int number = 1; number <= std::min(settings.views, kMostColumns);
       ++number)
    row.tiles.push_back(
        {RenderView(plain.pixels, plain.size, plain.channels,
                    DrawView(settings, entry.content, number, seed),
                    settings.fill),
         plain.size, plain.channels});
  return row;
}

Result<std::string> SheetOf(const SplitTable& split,
                            const std::vector<std::size_t>& trained,
                            const PixelFinder& pixels,
                            const AugmentSettings& settings,
                            std::uint64_t seed) {
  std::vector<std::string> columns = {"plain"};
  for (int number = 1; number <= std::min(settings.views, kMostColumns);
       ++number)
    columns.push_back(fmt::format("view {}", number));
  std::vector<SheetRow> rows;
  for (const std::string& name : split.classes) {
    int taken = 0;
    for (const std::size_t i : trained) {
      const SplitEntry& entry = split.entries[i];
      if (entry.label != name) continue;
      if (taken++ == kRowsPerClass) break;
      rows.push_back(RowOf(entry, pixels, settings, seed));
    }
  }
  return ContactSheet(columns, rows, kTile);
}

}  // namespace

Result<StageOutput> AugmentStage::Run(const StageInput& input) {
  const Json& section = input.params.at("augment");
  BESOM_ASSIGN_OR_RETURN(const AugmentSettings settings,
                         AugmentSettings::FromJson(section));
  const auto seed = input.params.at("seed").get<std::uint64_t>();
  const auto& split_port = Port(input, "split");
  BESOM_CHECK(split_port.size() == 1, "augment needs one split");
  BESOM_ASSIGN_OR_RETURN(const Json json,
                         ParseJson(split_port.front().text(), "split table"));
  BESOM_ASSIGN_OR_RETURN(const SplitTable split, SplitTable::FromJson(json));
  BESOM_ASSIGN_OR_RETURN(const PixelFinder pixels,
                         PixelFinder::Over(Port(input, "pixels")));
  const std::vector<std::size_t> trained = TrainedEntries(split);
  StageOutput output;
  output.blobs["views"] =
      CanonicalText(TableOf(split, trained, section, settings, seed));
  BESOM_ASSIGN_OR_RETURN(output.blobs["sheet"],
                         SheetOf(split, trained, pixels, settings, seed));
  output.counters = {{"images", trained.size()}, {"views", settings.views}};
  return output;
}

}  // namespace besom::stages
