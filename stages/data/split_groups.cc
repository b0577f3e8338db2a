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

bool IsOfSources(const ScanEntry& entry) { return !entry.external; }

/// Duplicates are refused and dropped within the sources, and within each
/// external set.
std::vector<std::string> ScopesOf(const SourceScan& scan) {
  std::vector<std::string> scopes = {""};
  for (const ScanEntry& entry : scan.entries)
    if (entry.external &&
        std::ranges::find(scopes, entry.source) == scopes.end())
      scopes.push_back(entry.source);
  return scopes;
}

/// The used images of each picture that belong to a scope.
std::vector<Picture> PicturesOf(const SourceScan& scan,
                                const ScreenedScan& screened,
                                const std::string& scope) {
  std::vector<Picture> pictures;
  for (const Picture& picture : screened.duplicates.pictures) {
    Picture& part = pictures.emplace_back();
    for (const std::size_t image : picture) {
      const ScanEntry& entry = scan.entries[image];
      if (IsUsed(screened, image) &&
          (scope.empty() ? IsOfSources(entry)
                         : entry.external && entry.source == scope))
        part.push_back(image);
    }
  }
  return pictures;
}

Status RefuseDuplicates(const SourceScan& scan, const ScreenedScan& screened) {
  for (const std::string& scope : ScopesOf(scan)) {
    const std::vector<Picture> pictures = PicturesOf(scan, screened, scope);
    const auto refuse = [&](std::size_t a, std::size_t b,
                            const std::string& how) {
      return InvalidError(
          NameOf(scan.entries[std::max(a, b)]),
          fmt::format("the same picture as {}{}",
                      NameOf(scan.entries[std::min(a, b)]), how),
          "remove one, or set ingest.duplicates to group or drop");
    };
    for (const Picture& picture : pictures)
      if (picture.size() > 1) return refuse(picture[0], picture[1], "");
    for (const PictureLink& link : screened.duplicates.links)
      if (!pictures[link.a].empty() && !pictures[link.b].empty())
        return refuse(pictures[link.a][0], pictures[link.b][0],
                      fmt::format(" (near-duplicate, correlation {:.3f})",
                                  link.correlation));
  }
  return Status::Ok();
}

void LeaveOutConflicts(const SourceScan& scan, ScreenedScan& screened) {
  const std::vector<std::size_t> conflicts =
      FindLabelConflicts(scan, screened.duplicates);
  for (std::size_t i = 0; i < conflicts.size(); ++i) {
    if (conflicts[i] == i) continue;
    const ScanEntry& other = scan.entries[conflicts[i]];
    screened.duplicate_of[i] = conflicts[i];
    screened.left_out[i] = fmt::format("duplicate of another label ({}, {})",
                                       NameOf(other), other.label);
  }
}

/// Clusters a scope and says of its images what represents them.
Clusters Represent(const SourceScan& scan, const std::string& scope,
                   ScreenedScan& screened) {
  const std::vector<Picture> pictures = PicturesOf(scan, screened, scope);
  std::vector<bool> in_scope;
  for (const Picture& picture : pictures) in_scope.push_back(!picture.empty());
  Clusters clusters = ClusterPictures(screened.duplicates, in_scope);
  for (std::size_t p = 0; p < pictures.size(); ++p)
    for (const std::size_t image : pictures[p])
      screened.duplicate_of[image] =
          pictures[clusters.representative[p]].front();
  return clusters;
}

void DropDuplicates(const SourceScan& scan, ScreenedScan& screened) {
  for (std::size_t i = 0; i < scan.entries.size(); ++i) {
    const std::size_t kept = screened.duplicate_of[i];
    if (kept == i || !IsUsed(screened, i)) continue;
    screened.left_out[i] =
        fmt::format("duplicate (of {})", NameOf(scan.entries[kept]));
    screened.dropped.push_back(i);
  }
}

bool ShareGroup(const SourceScan& scan, const Picture& a, const Picture& b) {
  for (const std::size_t i : a)
    for (const std::size_t j : b)
      if (scan.entries[i].patients == scan.entries[j].patients &&
          scan.entries[i].group == scan.entries[j].group)
        return true;
  return false;
}

/// Leaves out what would tie the clusters of two groups together: with it on
/// either side, the other side would have a duplicate of it.
void LeaveOutBridges(const SourceScan& scan, const SplitOptions& options,
                     ScreenedScan& screened) {
  for (const auto& [bridge, other] : screened.clusters.bridges) {
    const std::vector<Picture>& pictures = screened.duplicates.pictures;
    const auto first_used = [&](const Picture& picture) {
      return std::ranges::find_if(picture, [&](std::size_t i) {
        return IsUsed(screened, i) && IsOfSources(scan.entries[i]);
      });
    };
    const auto mine = first_used(pictures[bridge]);
    const auto its = first_used(pictures[other]);
    if (mine == pictures[bridge].end() || its == pictures[other].end())
      continue;
    if (options.group && ShareGroup(scan, pictures[bridge], pictures[other]))
      continue;
    const std::string why =
        fmt::format("near-duplicate of two groups ({} and {})",
                    NameOf(scan.entries[screened.duplicate_of[*mine]]),
                    NameOf(scan.entries[*its]));
    for (const std::size_t i : pictures[bridge])
      if (IsUsed(screened, i) && IsOfSources(scan.entries[i]))
        screened.left_out[i] = why;
  }
}

/// Joins the images of each cluster of the sources for which `takes_part`.
template <typename TakesPart>
void JoinClusters(const ScreenedScan& screened, TakesPart takes_part,
                  DisjointSets& sets) {
  Joiner<std::size_t> by_representative(sets);
  const std::vector<std::size_t>& representative =
      screened.clusters.representative;
  for (std::size_t p = 0; p < representative.size(); ++p)
    if (representative[p] != Clusters::kNone)
      for (const std::size_t image : screened.duplicates.pictures[p])
        if (takes_part(image)) by_representative.Add(representative[p], image);
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
                                const NearPairs& near,
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
  std::vector<bool> usable;
  for (const std::string& left_out : screened.left_out)
    usable.push_back(left_out.empty());
  screened.duplicates = MapDuplicates(scan, usable, decoded, near);
  screened.duplicate_of.resize(scan.entries.size());
  std::iota(screened.duplicate_of.begin(), screened.duplicate_of.end(),
            std::size_t{0});
  using Duplicates = SplitOptions::Duplicates;
  if (options.duplicates == Duplicates::kError)
    BESOM_RETURN_IF_ERROR(RefuseDuplicates(scan, screened));
  LeaveOutConflicts(scan, screened);
  for (const std::string& scope : ScopesOf(scan)) {
    Clusters clusters = Represent(scan, scope, screened);
    if (scope.empty()) screened.clusters = std::move(clusters);
  }
  if (options.duplicates == Duplicates::kDrop) DropDuplicates(scan, screened);
  if (options.duplicates == Duplicates::kGroup)
    LeaveOutBridges(scan, options, screened);
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
  // An external image must not tie two groups of the sources together.
  if (options.duplicates == SplitOptions::Duplicates::kGroup)
    JoinClusters(screened, takes_part, sets);
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
  Joiner<std::size_t> by_picture(sets);
  for (std::size_t p = 0; p < screened.duplicates.pictures.size(); ++p)
    for (const std::size_t i : screened.duplicates.pictures[p])
      if (counts[i]) by_picture.Add(p, i);
  JoinClusters(
      screened,
      [&](std::size_t i) { return counts[i] && !scan.entries[i].external; },
      sets);
  return sets;
}

}  // namespace besom::stages
