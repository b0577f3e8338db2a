#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "stages/data/duplicate_pairs.h"
#include "stages/data/split_stage.h"

namespace besom::stages {

/// Images of equal files or equal decoded pixels: indices into the scan,
/// ascending. Equality is transitive, so these may be one set.
using Picture = std::vector<std::size_t>;

/// Two pictures that were confirmed to be near-duplicates.
struct PictureLink {
  std::size_t a = 0, b = 0;  ///< Indices of pictures, a < b.
  int distance = 0;          ///< As NearPair.
  double correlation = 0;
};

/// What is known of duplicates among the images that can be used.
struct DuplicateMap {
  std::vector<Picture> pictures;   ///< All of them, by first image.
  std::vector<PictureLink> links;  ///< Ascending by (a, b), each once.

  /// Indices of the pictures linked to each, with the correlation.
  struct Neighbour {
    std::size_t picture;
    double correlation;
  };
  std::vector<std::vector<Neighbour>> Neighbours() const;
};

/// `usable` is parallel to the scan's entries.
DuplicateMap MapDuplicates(const SourceScan& scan,
                           const std::vector<bool>& usable,
                           const DecodingOutcomes& decoded,
                           const NearPairs& near);

/// For each image, another that shows the same picture under another label;
/// its own index where there is none.
std::vector<std::size_t> FindLabelConflicts(const SourceScan& scan,
                                            const DuplicateMap& duplicates);

/// Clusters of pictures around representatives, no chains: a picture is in a
/// cluster because it itself was confirmed against the representative.
struct Clusters {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// By picture: the picture that represents it (itself, when it does);
  /// kNone outside of the scope.
  std::vector<std::size_t> representative;
  /// Links between two clusters: (a picture that is no representative, one of
  /// the other cluster).
  std::vector<std::pair<std::size_t, std::size_t>> bridges;
};

/// Clusters the pictures for which `in_scope` (parallel to the map's pictures)
/// holds. Representatives are the pictures of most links within the scope, of
/// equal ones the first; no two of them are linked. Each other picture goes to
/// the representative that it correlates most with, of equal ones the first.
Clusters ClusterPictures(const DuplicateMap& duplicates,
                         const std::vector<bool>& in_scope);

}  // namespace besom::stages
