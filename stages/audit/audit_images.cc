#include "stages/audit/audit_images.h"

#include <algorithm>
#include <map>
#include <utility>

#include "stages/data/split_deal.h"
#include "stages/data/split_groups.h"
#include "stages/data/split_parts.h"

namespace besom::stages {
namespace {

bool IsInAnyPart(const SplitEntry& entry) {
  return std::ranges::any_of(entry.sets, [](const std::string& set) {
    return std::ranges::find(kSplitParts, set) != kSplitParts.end();
  });
}

/// Joins the images of one patient, and those of one picture; returns each
/// one's root.
std::vector<std::size_t> RelatedRoots(const std::vector<AuditMember>& members) {
  DisjointSets related(members.size());
  std::map<std::pair<std::string, std::string>, std::size_t> by_patient;
  std::unordered_map<Digest, std::size_t> by_content, by_pixels;
  std::unordered_map<std::string, std::size_t> by_name;
  for (std::size_t i = 0; i < members.size(); ++i)
    by_name.emplace(members[i].entry->source + "/" + members[i].entry->path, i);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const AuditMember& member = members[i];
    const SplitEntry& entry = *member.entry;
    related.Join(
        i,
        by_patient.try_emplace({entry.patients, entry.group}, i).first->second);
    related.Join(i, by_content.try_emplace(entry.content, i).first->second);
    related.Join(i,
                 by_pixels.try_emplace(member.record->pixels, i).first->second);
    if (const auto near = by_name.find(entry.duplicate_of);
        near != by_name.end())
      related.Join(i, near->second);
  }
  std::vector<std::size_t> roots;
  for (std::size_t i = 0; i < members.size(); ++i)
    roots.push_back(related.Root(i));
  return roots;
}

/// The groups of `members`, sorted by name.
std::vector<SplitGroup> GroupsOf(const std::vector<AuditMember>& members) {
  const std::vector<std::size_t> roots = RelatedRoots(members);
  std::map<std::size_t, SplitGroup> by_root;
  for (std::size_t i = 0; i < members.size(); ++i) {
    SplitGroup& group = by_root[roots[i]];
    std::string name =
        members[i].entry->patients + "/" + members[i].entry->group;
    if (group.images.empty() || name < group.name) group.name = std::move(name);
    group.images.push_back(i);
  }
  std::vector<SplitGroup> groups;
  for (auto& [root, group] : by_root) groups.push_back(std::move(group));
  std::ranges::sort(groups, {}, &SplitGroup::name);
  return groups;
}

/// How many groups hold images of each class of the table.
std::vector<int> GroupsByClass(const std::vector<AuditMember>& members,
                               std::size_t classes) {
  std::vector<int> counts(classes);
  for (const SplitGroup& group : GroupsOf(members)) {
    std::vector<bool> holds(classes);
    for (const std::size_t image : group.images)
      holds[static_cast<std::size_t>(members[image].label)] = true;
    for (std::size_t c = 0; c < classes; ++c) counts[c] += holds[c] ? 1 : 0;
  }
  return counts;
}

/// The groups that each fold gets, or an error where a fold cannot have a
/// group of each class.
Result<std::vector<int>> Deal(const AuditSet& set,
                              const std::vector<SplitGroup>& groups, int folds,
                              std::uint64_t seed) {
  SourceScan scan;  // As much of it as a deal reads.
  scan.classes = set.classes;
  scan.entries.resize(set.members.size());
  for (std::size_t i = 0; i < set.members.size(); ++i)
    scan.entries[i].label = set.members[i].entry->label;
  SplitOptions options;
  options.seed = seed;
  const GroupDealer dealer(scan, set.classes, groups, options);
  std::vector<GroupDealer::Share> shares;
  for (int fold = 0; fold < folds; ++fold)
    shares.push_back({"a fold of the audit", 1.0 / folds});
  return dealer.Deal(shares,
                     std::vector<int>(groups.size(), GroupDealer::kOpen), 0, 0);
}

void DealFolds(AuditSet& set, int most, std::uint64_t seed) {
  const std::vector<SplitGroup> groups = GroupsOf(set.members);
  set.groups = static_cast<int>(groups.size());
  for (int folds = most; folds > 1; --folds) {
    // Groups of several classes may be too few for so many folds.
    const Result<std::vector<int>> dealt = Deal(set, groups, folds, seed);
    if (!dealt.ok()) continue;
    set.folds = folds;
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (const std::size_t image : groups[g].images) {
        set.members[image].group = static_cast<int>(g);
        set.members[image].fold = (*dealt)[g];
      }
    return;
  }
}

}  // namespace

Result<DecodedImages> DecodedImages::Open(const std::vector<Artifact>& shards) {
  DecodedImages images;
  for (const Artifact& artifact : shards) {
    BESOM_ASSIGN_OR_RETURN(PixelShard shard, PixelShard::Open(artifact));
    for (std::size_t i = 0; i < shard.records().size(); ++i)
      images.places_.try_emplace(shard.records()[i].content,
                                 Place{images.shards_.size(), i});
    images.shards_.push_back(std::move(shard));
  }
  return images;
}

const PixelRecord* DecodedImages::Find(const Digest& content) const {
  const auto place = places_.find(content);
  if (place == places_.end()) return nullptr;
  const PixelRecord& record =
      shards_[place->second.shard].records()[place->second.record];
  return record.error.empty() ? &record : nullptr;
}

std::span<const std::uint8_t> DecodedImages::Pixels(
    const Digest& content) const {
  const Place& place = places_.at(content);
  return shards_[place.shard].pixels(place.record);
}

AuditSet ChooseAuditSet(const SplitTable& table, const DecodedImages& decoded,
                        std::uint64_t seed) {
  AuditSet set;
  for (const SplitEntry& entry : table.entries) {
    if (!entry.left_out.empty() || !IsInAnyPart(entry)) continue;
    const PixelRecord* record = decoded.Find(entry.content);
    if (record == nullptr) continue;
    set.members.push_back({&entry, record, table.ClassIndex(entry.label)});
  }
  const std::vector<int> groups =
      GroupsByClass(set.members, table.classes.size());
  int most = kAuditFolds;
  std::vector<int> renumbered(table.classes.size(), -1);
  for (std::size_t c = 0; c < table.classes.size(); ++c) {
    if (groups[c] < 2) continue;
    renumbered[c] = static_cast<int>(set.classes.size());
    set.classes.push_back(table.classes[c]);
    most = std::min(most, groups[c]);
  }
  std::erase_if(set.members, [&](AuditMember& member) {
    member.label = renumbered[static_cast<std::size_t>(member.label)];
    return member.label < 0;
  });
  if (set.classes.size() >= 2) DealFolds(set, most, seed);
  return set;
}

}  // namespace besom::stages
