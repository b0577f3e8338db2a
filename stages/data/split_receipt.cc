#include "stages/data/split_receipt.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "stages/data/split_assertions.h"

namespace besom::stages {
namespace {

constexpr std::size_t kMostListed = 50, kMostPairs = 1000;

/// The reason without the image that it names: "duplicate (of a/b)" counts as
/// "duplicate".
std::string ReasonOf(const std::string& left_out) {
  return left_out.substr(0, left_out.find(" ("));
}

Json LeftOut(const SplitTable& table) {
  std::map<std::string, int> reasons;
  for (const SplitEntry& entry : table.entries)
    if (!entry.left_out.empty()) ++reasons[ReasonOf(entry.left_out)];
  return reasons;
}

int Used(const SplitTable& table) {
  int used = 0;
  for (const SplitEntry& entry : table.entries)
    used += entry.left_out.empty() ? 1 : 0;
  return used;
}

Json Groups(const SourceScan& scan, const std::vector<SplitGroup>& groups) {
  Json several = Json::array(), joined = Json::array();
  for (const SplitGroup& group : groups) {
    std::set<std::string> labels;
    std::set<std::pair<std::string, std::string>> ids;
    for (const std::size_t image : group.images) {
      const ScanEntry& entry = scan.entries[image];
      labels.insert(entry.label);
      ids.emplace(entry.patients, entry.group);
    }
    if (labels.size() > 1 && several.size() < kMostListed)
      several.push_back(group.name);
    if (ids.size() > 1 && joined.size() < kMostListed)
      joined.push_back(group.name);
  }
  return {{"count", groups.size()},
          {"several_classes", std::move(several)},
          {"joined_by_duplicates", std::move(joined)}};
}

Json PairOf(const SourceScan& scan, std::size_t a, std::size_t b,
            const char* kind, double correlation, int distance) {
  const ScanEntry& one = scan.entries[a];
  const ScanEntry& other = scan.entries[b];
  return {
      {"images", {NameOf(one), NameOf(other)}},
      {"groups",
       {one.patients + "/" + one.group, other.patients + "/" + other.group}},
      {"labels", {one.label, other.label}},
      {"kind", kind},
      {"correlation", std::round(correlation * 1e4) / 1e4},
      {"distance", distance},
      {"different_patients",
       one.patients != other.patients || one.group != other.group}};
}

/// Equal pictures are paired with the first of them, near ones first with
/// first.
std::vector<Json> PairsOf(const SourceScan& scan,
                          const DuplicateMap& duplicates) {
  std::vector<Json> pairs;
  for (const Picture& picture : duplicates.pictures)
    for (std::size_t i = 1; i < picture.size(); ++i)
      pairs.push_back(PairOf(scan, picture[0], picture[i], "exact", 1, 0));
  for (const PictureLink& link : duplicates.links)
    pairs.push_back(PairOf(scan, duplicates.pictures[link.a].front(),
                           duplicates.pictures[link.b].front(), "near",
                           link.correlation, link.distance));
  return pairs;
}

Json Duplicates(const SourceScan& scan, const SplitTable& table,
                const DuplicateMap& duplicates) {
  std::size_t pictures = 0, images = 0;
  Json listed = Json::array();
  for (const Picture& members : duplicates.pictures) {
    if (members.size() == 1) continue;
    ++pictures;
    images += members.size();
    if (listed.size() >= kMostListed) continue;
    Json names = Json::array();
    for (const std::size_t image : members)
      names.push_back(NameOf(scan.entries[image]));
    listed.push_back(std::move(names));
  }
  std::vector<Json> pairs = PairsOf(scan, duplicates);
  const auto different =
      std::stable_partition(pairs.begin(), pairs.end(),
                            [](const Json& pair) {
                              return pair["different_patients"].get<bool>();
                            }) -
      pairs.begin();
  pairs.resize(std::min(pairs.size(), kMostPairs));
  const auto other_labels =
      std::ranges::count_if(table.entries, [](const SplitEntry& entry) {
        return ReasonOf(entry.left_out) == "duplicate of another label";
      });
  return {{"pictures", pictures},
          {"images", images},
          {"near_pairs", duplicates.links.size()},
          {"different_patients", different},
          {"other_labels", other_labels},
          {"listed", std::move(listed)},
          {"pairs", std::move(pairs)}};
}

/// Counts of one part of one fit.
Json Part(const SourceScan& scan, const SplitTable& table,
          const std::vector<SplitGroup>& groups, const FitParts& fit,
          SplitPart part) {
  std::map<std::string, int> images, groups_of, all;
  int part_images = 0, part_groups = 0;
  for (const SplitGroup& group : groups) {
    std::set<std::string> labels;
    for (const std::size_t image : group.images) {
      if (fit.part[image] != kNoPart) ++all[scan.entries[image].label];
      if (fit.part[image] != part) continue;
      ++images[scan.entries[image].label];
      ++part_images;
      labels.insert(scan.entries[image].label);
    }
    part_groups += labels.empty() ? 0 : 1;
    for (const std::string& label : labels) ++groups_of[label];
  }
  Json classes = Json::object();
  for (const std::string& name : table.classes)
    classes[name] = {
        {"images", images[name]},
        {"groups", groups_of[name]},
        {"share",
         all[name] == 0 ? 0.0 : static_cast<double>(images[name]) / all[name]}};
  Json json = {{"images", part_images},
               {"groups", part_groups},
               {"classes", std::move(classes)}};
  const double asked = fit.asked[static_cast<std::size_t>(part)];
  if (asked >= 0) json["asked"] = asked;
  return json;
}

Json Externals(const SourceScan& scan, const SplitTable& table) {
  Json sets = Json::object();
  for (const std::string& name : table.externals) {
    int images = 0, left_out = 0;
    Json classes = Json::object();
    for (std::size_t i = 0; i < table.entries.size(); ++i) {
      const SplitEntry& entry = table.entries[i];
      if (!scan.entries[i].external || entry.source != name) continue;
      if (!entry.left_out.empty()) {
        ++left_out;
        continue;
      }
      ++images;
      classes[entry.label] = classes.value(entry.label, 0) + 1;
    }
    sets[name] = {{"images", images},
                  {"left_out", left_out},
                  {"classes", std::move(classes)}};
  }
  return sets;
}

/// Groups on two sides of a fit: only possible where the user allowed it.
Json Leaks(const SourceScan& scan, const SplitTable& table,
           const std::vector<FitParts>& fits) {
  Json leaks = Json::array();
  for (std::size_t f = 0; f < fits.size(); ++f) {
    std::map<std::pair<std::string, std::string>, std::set<SplitPart>> sides;
    for (std::size_t i = 0; i < table.entries.size(); ++i)
      if (fits[f].part[i] != kNoPart)
        sides[{scan.entries[i].patients, scan.entries[i].group}].insert(
            fits[f].part[i]);
    for (const auto& [id, parts] : sides) {
      if (parts.size() < 2 || leaks.size() >= kMostListed) continue;
      std::string names;
      for (const SplitPart part : parts)
        names += (names.empty() ? "" : " and ") +
                 std::string(kSplitParts[static_cast<std::size_t>(part)]);
      leaks.push_back(fmt::format("repeat {} fold {}: group {}/{} is in {}",
                                  static_cast<int>(f) / table.folds,
                                  static_cast<int>(f) % table.folds, id.first,
                                  id.second, names));
    }
  }
  return leaks;
}

}  // namespace

Json MakeReceipt(const SourceScan& scan, const SplitTable& table,
                 const ScreenedScan& screened,
                 const std::vector<SplitGroup>& groups,
                 const std::vector<FitParts>& fits,
                 const SplitOptions& options) {
  Json list = Json::array();
  for (std::size_t f = 0; f < fits.size(); ++f) {
    Json parts = Json::object();
    for (const SplitPart part : {kTrain, kValidation, kTest})
      parts[std::string(kSplitParts[static_cast<std::size_t>(part)])] =
          Part(scan, table, groups, fits[f], part);
    list.push_back({{"repeat", static_cast<int>(f) / table.folds},
                    {"fold", static_cast<int>(f) % table.folds},
                    {"parts", std::move(parts)}});
  }
  return {
      {"images", table.entries.size()},
      {"used", Used(table)},
      {"left_out", LeftOut(table)},
      {"groups", Groups(scan, groups)},
      {"duplicates", Duplicates(scan, table, screened.duplicates)},
      {"fits", std::move(list)},
      {"externals", Externals(scan, table)},
      {"assertions", AssertSplit(scan, table, screened, groups, fits, options)},
      {"checked",
       options.group ? Json("no group on two sides") : Json(nullptr)},
      {"leaks", Leaks(scan, table, fits)},
      {"warnings", Json::array()}};
}

}  // namespace besom::stages
