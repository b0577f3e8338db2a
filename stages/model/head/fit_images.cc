#include "stages/model/head/fit_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "pipeline/base/check.h"

namespace besom::stages {

Result<Artifact> OneArtifact(const ArtifactMap& artifacts,
                             std::string_view port) {
  const auto it = artifacts.find(std::string(port));
  if (it == artifacts.end() || it->second.size() != 1)
    return InternalError(std::string(port), "one artifact was expected");
  return it->second.front();
}

Result<std::shared_ptr<const FitSources>> FitSourcesCache::Get(
    const ArtifactMap& artifacts) {
  std::string key;
  for (const char* port : {"split", "plain", "views"}) {
    key += port;
    const auto it = artifacts.find(port);
    if (it == artifacts.end()) continue;
    // The place, too: what was mapped before may have been damaged since, and
    // who gave us these artifacts asks these whether they were.
    for (const Artifact& artifact : it->second)
      key += fmt::format("{} {}", artifact.ref().digest.Hex(),
                         fmt::ptr(artifact.bytes().data()));
  }
  if (last_ != nullptr && key == key_) return last_;
  auto sources = std::make_shared<FitSources>();
  BESOM_ASSIGN_OR_RETURN(const Artifact split, OneArtifact(artifacts, "split"));
  BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(split.text(), "split"));
  BESOM_ASSIGN_OR_RETURN(sources->split, SplitTable::FromJson(json));
  const auto plain = artifacts.find("plain");
  if (plain == artifacts.end() || plain->second.empty())
    return InternalError("plain", "no features were given");
  BESOM_ASSIGN_OR_RETURN(sources->plain, FeatureIndex::Over(plain->second));
  const auto views = artifacts.find("views");
  if (views != artifacts.end() && !views->second.empty()) {
    BESOM_ASSIGN_OR_RETURN(sources->views, FeatureIndex::Over(views->second));
  }
  key_ = std::move(key);
  last_ = std::move(sources);
  return last_;
}

Result<FitImages> FitImages::Read(const StageInput& input,
                                  FitSourcesCache& cache) {
  FitImages images;
  images.repeat_ = input.params.at("repeat").get<int>();
  images.fold_ = input.params.at("fold").get<int>();
  BESOM_ASSIGN_OR_RETURN(images.sources_, cache.Get(input.artifacts));
  if (Json(images.split().classes) != input.params.at("classes"))
    return InternalError("split", "its classes are not those of the fit");
  return images;
}

Result<FeatureRow> FitImages::Row(const FeatureIndex& index, std::size_t entry,
                                  const std::string& view) const {
  const SplitEntry& image = split().entries[entry];
  const FeatureRow row = index.Find({image.content, view});
  if (row.size() != static_cast<std::size_t>(dimension()))
    return InternalError(fmt::format("{}/{}", image.source, image.path),
                         fmt::format("no features of view '{}'", view));
  return row;
}

ImageRows FitImages::InMemory(const std::vector<FeatureRow>& rows) const {
  const auto width = static_cast<std::size_t>(dimension());
  const auto narrow = static_cast<std::size_t>(std::ranges::count_if(
      rows, [](const FeatureRow& row) { return row.floats() == nullptr; }));
  ImageRows images;
  images.rows.reserve(rows.size());
  images.widened.resize(narrow * width);
  std::span<float> room(images.widened);
  for (const FeatureRow& row : rows) {
    if (row.floats() != nullptr) {
      images.rows.push_back(row.floats());
      continue;
    }
    row.CopyTo(room.first(width));
    images.rows.push_back(room.data());
    room = room.subspan(width);
  }
  return images;
}

Result<SetImages> FitImages::Set(std::string_view name) const {
  SetImages set;
  std::vector<FeatureRow> rows;
  set.entries = split().Members(name, repeat_, fold_);
  for (const std::size_t entry : set.entries) {
    set.labels.push_back(split().ClassIndex(split().entries[entry].label));
    BESOM_ASSIGN_OR_RETURN(
        const FeatureRow row,
        Row(sources_->plain, entry, ViewKey(AugmentSettings{}, 0, 0)));
    rows.push_back(row);
  }
  set.plain = InMemory(rows);
  return set;
}

Result<ImageRows> FitImages::EpochRows(const SetImages& images,
                                       const AugmentSettings& augment,
                                       int epoch,
                                       std::uint64_t sweep_seed) const {
  if (augment.views == 0) return ImageRows{images.plain.rows, {}};
  std::vector<std::string> keys;  // By view number.
  for (int view = 0; view <= augment.views; ++view)
    keys.push_back(ViewKey(augment, view, sweep_seed));
  std::vector<FeatureRow> rows;
  rows.reserve(images.entries.size());
  for (const std::size_t entry : images.entries) {
    const int view =
        ViewOfEpoch(augment, split().entries[entry].content, epoch, sweep_seed);
    BESOM_ASSIGN_OR_RETURN(const FeatureRow row,
                           Row(view == 0 ? sources_->plain : sources_->views,
                               entry, keys.at(view)));
    rows.push_back(row);
  }
  return InMemory(rows);
}

}  // namespace besom::stages
