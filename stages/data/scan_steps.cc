#include "stages/data/scan_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

/// A group's images by class.
struct GroupCount {
  std::map<std::string, std::int64_t> images;
  std::uint64_t draw = 0;
};

using GroupId = std::pair<std::string, std::string>;  // Patients, group.

std::uint64_t DrawOf(const GroupId& id, std::uint64_t seed) {
  const Digest digest = DigestOfJson(Json::array({id.first, id.second}));
  return KeyedRandom(seed, "limit_per_class", {digest.Prefix64()}).Next64();
}

bool IsCounted(const ScanEntry& entry) {
  return entry.left_out.empty() && !entry.external;
}

/// The groups that stay, taken in the drawn order.
std::set<GroupId> ChooseGroups(const std::map<GroupId, GroupCount>& groups,
                               std::int64_t limit) {
  std::vector<std::tuple<std::uint64_t, GroupId>> order;
  for (const auto& [id, group] : groups) order.emplace_back(group.draw, id);
  std::ranges::sort(order);
  std::map<std::string, std::int64_t> taken;
  std::set<GroupId> chosen;
  for (const auto& [draw, id] : order) {
    const auto& images = groups.at(id).images;
    const bool fits = std::ranges::all_of(images, [&](const auto& part) {
      return taken[part.first] + part.second <= limit;
    });
    if (!fits) continue;
    for (const auto& [label, count] : images) taken[label] += count;
    chosen.insert(id);
  }
  return chosen;
}

}  // namespace

Status CompleteGroups(const SourceSettings& source,
                      std::vector<FoundImage>& images) {
  const bool rule = !source.group_column.empty() ||
                    source.group_pattern != nullptr || source.GroupsByTag();
  std::vector<std::string> unmatched;
  for (FoundImage& image : images) {
    ScanEntry& entry = image.entry;
    if (!entry.left_out.empty() || !entry.group.empty()) continue;
    if (rule && !source.own_when_unmatched)
      unmatched.push_back(entry.path);
    else
      entry.group = OwnGroup(source, entry.path);
  }
  if (unmatched.empty()) return Status::Ok();
  const auto [key, rule_name] =
      !source.group_column.empty() ? std::pair("group_column", "the column")
      : source.GroupsByTag()       ? std::pair("group_tag", "the tag")
                                   : std::pair("group_pattern", "the pattern");
  return InvalidError(
      fmt::format("{}.{}", source.place, key),
      fmt::format("source '{}': {} tells no patient for {} of {} images: {}",
                  source.name, rule_name, unmatched.size(), images.size(),
                  Listed(unmatched, 3)),
      "correct it, or set group_unmatched: own to make each of these a group");
}

Status CheckUsable(const SourceSettings& source,
                   const std::vector<FoundImage>& images) {
  std::map<std::string, std::pair<int, std::string>> reasons;
  for (const FoundImage& image : images) {
    const ScanEntry& entry = image.entry;
    if (entry.left_out.empty()) return Status::Ok();
    auto& [count, example] = reasons[entry.left_out];
    if (count++ == 0) example = entry.path;
  }
  std::vector<std::string> lines;
  for (const auto& [reason, what] : reasons)
    lines.push_back(
        fmt::format("{} ({}, {} in all)", reason, what.second, what.first));
  return InvalidError(
      source.place,
      images.empty()
          ? fmt::format("source '{}' holds no files", source.name)
          : fmt::format("none of the {} images of source '{}' can be used: {}",
                        images.size(), source.name, Listed(lines, 4)),
      "correct path, where or labels");
}

Status LimitClasses(SourceScan& scan, std::int64_t limit, std::uint64_t seed) {
  if (limit <= 0) return Status::Ok();
  std::map<GroupId, GroupCount> groups;
  std::set<std::string> met;
  for (const ScanEntry& entry : scan.entries) {
    if (!IsCounted(entry)) continue;
    GroupId id(entry.patients, entry.group);
    GroupCount& group = groups[id];
    group.draw = DrawOf(id, seed);
    ++group.images[entry.label];
    met.insert(entry.label);
  }
  const std::set<GroupId> chosen = ChooseGroups(groups, limit);
  for (const auto& id : chosen)
    for (const auto& [label, count] : groups[id].images) met.erase(label);
  if (!met.empty())
    return InvalidError(
        "ingest.limit_per_class",
        fmt::format("{} images of class '{}' are fewer than any of its groups "
                    "that fit holds",
                    limit, *met.begin()),
        "raise limit_per_class");
  for (ScanEntry& entry : scan.entries)
    if (IsCounted(entry) && !chosen.contains({entry.patients, entry.group}))
      entry.left_out = fmt::format("beyond limit_per_class ({})", limit);
  return Status::Ok();
}

}  // namespace besom::stages
