#include "stages/data/split_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

namespace besom::stages {
namespace {

/// Joins `items` that have an equal key.
template <typename Key>
class Joiner {
 public:
  explicit Joiner(DisjointSets& sets) : sets_(sets) {}
  void Add(const Key& key, std::size_t item) {
    const auto [found, is_new] = first_.emplace(key, item);
    if (!is_new) sets_.Join(found->second, item);
  }

 private:
  DisjointSets& sets_;
  std::map<Key, std::size_t> first_;
};

/// Why its pixels cannot be used; empty = they can.
std::string WhyBad(const ScanEntry& entry, const DecodingOutcomes& decoded) {
  const auto found = decoded.find(entry.content);
  return found == decoded.end() ? "was not decoded" : found->second.error;
}

bool IsUsed(const ScreenedScan& screened, std::size_t image) {
  return screened.left_out[image].empty();
}

DuplicateSets FindDuplicates(const SourceScan& scan,
                             const ScreenedScan& screened,
                             const DecodingOutcomes& decoded) {
  DisjointSets sets(scan.entries.size());
  Joiner<Digest> by_content(sets), by_pixels(sets);
  for (std::size_t i = 0; i < scan.entries.size(); ++i) {
    if (!IsUsed(screened, i)) continue;
    const Digest& content = scan.entries[i].content;
    by_content.Add(content, i);
    by_pixels.Add(decoded.at(content).pixels, i);
  }
  std::map<std::size_t, std::vector<std::size_t>> by_root;
  for (std::size_t i = 0; i < scan.entries.size(); ++i)
    if (IsUsed(screened, i)) by_root[sets.Root(i)].push_back(i);
  DuplicateSets duplicates;
  for (auto& [root, members] : by_root)
    if (members.size() > 1) duplicates.push_back(std::move(members));
  return duplicates;
}

/// Calls `found(first, later)` for each duplicate within the sources, and
/// within each external set.
template <typename Found>
void ForEachDuplicate(const SourceScan& scan, const DuplicateSets& duplicates,
                      Found found) {
  for (const auto& members : duplicates) {
    std::map<std::string, std::size_t> first;
    for (const std::size_t image : members) {
      const ScanEntry& entry = scan.entries[image];
      const auto [known, is_new] =
          first.emplace(entry.external ? "x" + entry.source : "", image);
      if (!is_new) found(known->second, image);
    }
  }
}

Status RefuseDuplicates(const SourceScan& scan,
                        const DuplicateSets& duplicates) {
  Status status;
  ForEachDuplicate(scan, duplicates, [&](std::size_t a, std::size_t b) {
    if (status.ok())
      status = InvalidError(
          NameOf(scan.entries[b]),
          fmt::format("the same picture as {}", NameOf(scan.entries[a])),
          "remove one, or set ingest.duplicates to group or drop");
  });
  return status;
}

}  // namespace

DisjointSets::DisjointSets(std::size_t count) : parent_(count) {
  std::iota(parent_.begin(), parent_.end(), std::size_t{0});
}

std::size_t DisjointSets::Root(std::size_t item) {
  while (parent_[item] != item) item = parent_[item] = parent_[parent_[item]];
  return item;
}

void DisjointSets::Join(std::size_t a, std::size_t b) {
  a = Root(a);
  b = Root(b);
  parent_[std::max(a, b)] = std::min(a, b);
}

std::string NameOf(const ScanEntry& entry) {
  return entry.source + "/" + entry.path;
}

Result<ScreenedScan> ScreenScan(const SourceScan& scan,
                                const std::vector<std::string>& classes,
                                const DecodingOutcomes& decoded,
                                const SplitOptions& options) {
  ScreenedScan screened;
  for (const ScanEntry& entry : scan.entries) {
    std::string& left_out = screened.left_out.emplace_back(entry.left_out);
    if (!left_out.empty()) continue;
    if (std::find(classes.begin(), classes.end(), entry.label) ==
        classes.end()) {
      left_out = fmt::format("not a class of this sweep ({})", entry.label);
      continue;
    }
    left_out = WhyBad(entry, decoded);
    if (options.fail_on_bad_image && !left_out.empty())
      return InvalidError(NameOf(entry), left_out,
                          "repair or remove it, or set ingest.on_bad_image: "
                          "skip");
  }
  screened.duplicates = FindDuplicates(scan, screened, decoded);
  using Duplicates = SplitOptions::Duplicates;
  if (options.duplicates == Duplicates::kError)
    BESOM_RETURN_IF_ERROR(RefuseDuplicates(scan, screened.duplicates));
  if (options.duplicates == Duplicates::kDrop)
    ForEachDuplicate(
        scan, screened.duplicates, [&](std::size_t first, std::size_t later) {
          screened.left_out[later] =
              fmt::format("duplicate (of {})", NameOf(scan.entries[first]));
          screened.dropped.push_back(later);
        });
  return screened;
}

std::vector<SplitGroup> GroupImages(const SourceScan& scan,
                                    const ScreenedScan& screened,
                                    const SplitOptions& options) {
  const auto takes_part = [&](std::size_t i) {
    return IsUsed(screened, i) && !scan.entries[i].external;
  };
  DisjointSets sets(scan.entries.size());
  Joiner<std::pair<std::string, std::string>> by_group(sets);
  for (std::size_t i = 0; i < scan.entries.size(); ++i)
    if (options.group && takes_part(i))
      by_group.Add({scan.entries[i].patients, scan.entries[i].group}, i);
  if (options.duplicates == SplitOptions::Duplicates::kGroup)
    for (const auto& members : screened.duplicates) {
      // An external image must not tie two groups of the sources together.
      std::optional<std::size_t> first;
      for (const std::size_t i : members) {
        if (!takes_part(i)) continue;
        if (first) sets.Join(*first, i);
        first = i;
      }
    }
  std::map<std::size_t, SplitGroup> by_root;
  for (std::size_t i = 0; i < scan.entries.size(); ++i) {
    if (!takes_part(i)) continue;
    const ScanEntry& entry = scan.entries[i];
    SplitGroup& group = by_root[sets.Root(i)];
    const std::string name =
        options.group ? entry.patients + "/" + entry.group : NameOf(entry);
    if (group.images.empty() || name < group.name) group.name = name;
    group.images.push_back(i);
  }
  std::vector<SplitGroup> groups;
  for (auto& [root, group] : by_root) groups.push_back(std::move(group));
  std::stable_sort(
      groups.begin(), groups.end(),
      [](const SplitGroup& a, const SplitGroup& b) { return a.name < b.name; });
  return groups;
}

DisjointSets RelateImages(const SourceScan& scan,
                          const ScreenedScan& screened) {
  DisjointSets sets(scan.entries.size());
  Joiner<std::pair<std::string, std::string>> by_group(sets);
  std::vector<bool> counts(scan.entries.size());
  for (std::size_t i = 0; i < scan.entries.size(); ++i)
    counts[i] = IsUsed(screened, i);
  for (const std::size_t i : screened.dropped) counts[i] = true;
  for (std::size_t i = 0; i < scan.entries.size(); ++i)
    if (counts[i])
      by_group.Add({scan.entries[i].patients, scan.entries[i].group}, i);
  for (const auto& members : screened.duplicates)
    for (const std::size_t i : members) sets.Join(members.front(), i);
  return sets;
}

}  // namespace besom::stages
