#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "stages/data/split_duplicates.h"
#include "stages/data/split_stage.h"

namespace besom::stages {

/// Which of `count` things belong together (union and find). The root of a set
/// is its smallest member.
class DisjointSets {
 public:
  explicit DisjointSets(std::size_t count);
  std::size_t Root(std::size_t item);
  void Join(std::size_t a, std::size_t b);

 private:
  std::vector<std::size_t> parent_;
};

/// What of the scan takes part.
struct ScreenedScan {
  /// Parallel to the scan's entries: why it is left out; empty = used.
  std::vector<std::string> left_out;
  /// Among the images that can be used, externals too.
  DuplicateMap duplicates;
  /// Clusters of `duplicates` among the used images of the sources.
  Clusters clusters;
  /// Parallel to the scan's entries: the image that it duplicates (what
  /// represents it, or what it disagrees with); its own index if none.
  std::vector<std::size_t> duplicate_of;
  /// Indices of the images that were used but for `duplicates: drop`.
  std::vector<std::size_t> dropped;
};

/// Leaves out bad images, duplicates of different labels and, under `drop`,
/// all but the representatives; refuses what the options forbid. Externals are
/// dropped or refused for duplicates within their own set only.
Result<ScreenedScan> ScreenScan(const SourceScan& scan,
                                const std::vector<std::string>& classes,
                                const DecodingOutcomes& decoded,
                                const NearPairs& near,
                                const SplitOptions& options);

/// Images of one side of every split.
struct SplitGroup {
  std::string name;                 ///< Smallest "patients/group" of it.
  std::vector<std::size_t> images;  ///< Indices into the scan, ascending.
};

/// The groups of the images that are used and not external, sorted by name.
std::vector<SplitGroup> GroupImages(const SourceScan& scan,
                                    const ScreenedScan& screened,
                                    const SplitOptions& options);

/// Joins all images of equal (patients, group), equal pictures and clusters of
/// the sources, whatever the options say. What a set outside of training must
/// not share are these, and what is linked to these.
DisjointSets RelateImages(const SourceScan& scan, const ScreenedScan& screened);

/// "source/path", for messages.
std::string NameOf(const ScanEntry& entry);

}  // namespace besom::stages
