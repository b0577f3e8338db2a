#include "stages/data/split_duplicates.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>
#include <utility>

#include "stages/data/split_groups.h"

namespace besom::stages {
namespace {

std::vector<Picture> FindPictures(const SourceScan& scan,
                                  const std::vector<bool>& usable,
                                  const DecodingOutcomes& decoded) {
  DisjointSets sets(scan.entries.size());
  std::unordered_map<Digest, std::size_t> by_content, by_pixels;
  for (std::size_t i = 0; i < scan.entries.size(); ++i) {
    if (!usable[i]) continue;
    const Digest& content = scan.entries[i].content;
    sets.Join(by_content.emplace(content, i).first->second, i);
    sets.Join(by_pixels.emplace(decoded.at(content).pixels, i).first->second,
              i);
  }
  std::map<std::size_t, Picture> by_root;
  for (std::size_t i = 0; i < scan.entries.size(); ++i)
    if (usable[i]) by_root[sets.Root(i)].push_back(i);
  std::vector<Picture> pictures;
  for (auto& [root, picture] : by_root) pictures.push_back(std::move(picture));
  return pictures;
}

/// Several files may link the same two pictures: the best of them counts.
std::vector<PictureLink> FindLinks(const SourceScan& scan,
                                   const std::vector<Picture>& pictures,
                                   const NearPairs& near) {
  std::unordered_map<Digest, std::size_t> picture_of;
  for (std::size_t p = 0; p < pictures.size(); ++p)
    for (const std::size_t image : pictures[p])
      picture_of.emplace(scan.entries[image].content, p);
  std::map<std::pair<std::size_t, std::size_t>, PictureLink> links;
  for (const NearPair& pair : near.pairs) {
    const auto a = picture_of.find(pair.a), b = picture_of.find(pair.b);
    if (a == picture_of.end() || b == picture_of.end() ||
        a->second == b->second)
      continue;
    const auto [low, high] = std::minmax(a->second, b->second);
    PictureLink& link =
        links.try_emplace({low, high}, PictureLink{low, high, 64, 0})
            .first->second;
    link.distance = std::min(link.distance, pair.distance);
    link.correlation = std::max(link.correlation, pair.correlation);
  }
  std::vector<PictureLink> list;
  for (const auto& [ends, link] : links) list.push_back(link);
  return list;
}

/// The first image among `images` whose label is not `label`.
std::optional<std::size_t> OfAnotherLabel(const SourceScan& scan,
                                          const Picture& images,
                                          const std::string& label) {
  for (const std::size_t image : images)
    if (scan.entries[image].label != label) return image;
  return std::nullopt;
}

}  // namespace

std::vector<std::vector<DuplicateMap::Neighbour>> DuplicateMap::Neighbours()
    const {
  std::vector<std::vector<Neighbour>> neighbours(pictures.size());
  for (const PictureLink& link : links) {
    neighbours[link.a].push_back({link.b, link.correlation});
    neighbours[link.b].push_back({link.a, link.correlation});
  }
  return neighbours;
}

DuplicateMap MapDuplicates(const SourceScan& scan,
                           const std::vector<bool>& usable,
                           const DecodingOutcomes& decoded,
                           const NearPairs& near) {
  DuplicateMap map;
  map.pictures = FindPictures(scan, usable, decoded);
  map.links = FindLinks(scan, map.pictures, near);
  return map;
}

std::vector<std::size_t> FindLabelConflicts(const SourceScan& scan,
                                            const DuplicateMap& duplicates) {
  std::vector<std::size_t> conflict(scan.entries.size());
  std::iota(conflict.begin(), conflict.end(), std::size_t{0});
  const auto neighbours = duplicates.Neighbours();
  for (std::size_t p = 0; p < duplicates.pictures.size(); ++p)
    for (const std::size_t image : duplicates.pictures[p]) {
      const std::string& label = scan.entries[image].label;
      auto other = OfAnotherLabel(scan, duplicates.pictures[p], label);
      for (const DuplicateMap::Neighbour& neighbour : neighbours[p])
        if (!other)
          other = OfAnotherLabel(scan, duplicates.pictures[neighbour.picture],
                                 label);
      if (other) conflict[image] = *other;
    }
  return conflict;
}

Clusters ClusterPictures(const DuplicateMap& duplicates,
                         const std::vector<bool>& in_scope) {
  const auto neighbours = duplicates.Neighbours();
  const std::size_t count = duplicates.pictures.size();
  std::vector<std::size_t> order, links(count, 0);
  for (std::size_t p = 0; p < count; ++p) {
    if (!in_scope[p]) continue;
    order.push_back(p);
    for (const DuplicateMap::Neighbour& neighbour : neighbours[p])
      links[p] += in_scope[neighbour.picture] ? 1 : 0;
  }
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return links[a] > links[b]; });
  std::vector<bool> is_taken(count, false), represents(count, false);
  for (const std::size_t p : order) {
    if (is_taken[p]) continue;
    represents[p] = true;
    for (const DuplicateMap::Neighbour& neighbour : neighbours[p])
      is_taken[neighbour.picture] = true;
  }
  Clusters clusters{std::vector<std::size_t>(count, Clusters::kNone), {}};
  for (const std::size_t p : order) {
    std::size_t& best = clusters.representative[p];
    double correlation = 0;
    if (represents[p]) best = p;
    for (const auto& [other, value] : neighbours[p])
      if (!represents[p] && represents[other] && value > correlation) {
        best = other;
        correlation = value;
      }
  }
  for (const PictureLink& link : duplicates.links) {
    const std::size_t a = clusters.representative[link.a];
    const std::size_t b = clusters.representative[link.b];
    if (a == Clusters::kNone || b == Clusters::kNone || a == b) continue;
    // Not both represent; of two that do not, the later one is the bridge.
    if (represents[link.b])
      clusters.bridges.emplace_back(link.a, link.b);
    else
      clusters.bridges.emplace_back(link.b, link.a);
  }
  return clusters;
}

}  // namespace besom::stages
