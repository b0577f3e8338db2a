#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/data/split_table.h"
#include "stages/data/view.h"
#include "stages/model/feature_shard.h"
#include "stages/stage.h"

namespace besom::stages {

/// Rows of features, in the store's maps, or where these hold narrower numbers,
/// in memory that lives as long as this.
struct ImageRows {
  std::vector<const float*> rows;
  std::vector<float> widened;
};

/// The images of one set in one fit, in the order of the scan.
struct SetImages {
  std::vector<std::size_t> entries;  ///< Indices into the split's entries.
  std::vector<int> labels;           ///< Class indices.
  ImageRows plain;                   ///< View 0.
};

/// The parsed blobs that many fits share.
struct FitSources {
  SplitTable split;
  FeatureIndex plain, views;  ///< `views` is empty when there are none.
};

/// Keeps the last sources that were parsed: fits of one sweep differ in params
/// far more often than in these. One thread at a time.
class FitSourcesCache {
 public:
  /// Reads the ports "split", "plain" and, where there are any, "views".
  /// kInternal when a port is missing (the planner's mistake).
  Result<std::shared_ptr<const FitSources>> Get(const ArtifactMap& artifacts);

 private:
  std::string key_;  // Digests and places of the blobs of `last_`.
  std::shared_ptr<const FitSources> last_;
};

/// What the stages of a fit read: the split and the features of its images.
/// Immutable; rows live as long as it does, and as what they are returned in.
class FitImages {
 public:
  /// Reads params {classes, repeat, fold} and the sources. kInternal also when
  /// the classes of params and split differ.
  static Result<FitImages> Read(const StageInput& input,
                                FitSourcesCache& cache);

  const SplitTable& split() const { return sources_->split; }
  int repeat() const { return repeat_; }
  int fold() const { return fold_; }
  int dimension() const { return sources_->plain.dimension(); }

  /// kInternal names an image without features.
  Result<SetImages> Set(std::string_view name) const;
  /// The rows that `images` show in `epoch`, each in its view.
  Result<ImageRows> EpochRows(const SetImages& images,
                              const AugmentSettings& augment, int epoch,
                              std::uint64_t sweep_seed) const;

 private:
  Result<FeatureRow> Row(const FeatureIndex& index, std::size_t entry,
                         const std::string& view) const;
  ImageRows InMemory(const std::vector<FeatureRow>& rows) const;

  std::shared_ptr<const FitSources> sources_;
  int repeat_ = 0, fold_ = 0;
};

/// The one blob of a port; kInternal when there is not exactly one.
Result<Artifact> OneArtifact(const ArtifactMap& artifacts,
                             std::string_view port);

}  // namespace besom::stages
