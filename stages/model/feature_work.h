#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/data/pixel_shard.h"
#include "stages/data/view.h"
#include "stages/model/feature_engine.h"
#include "stages/model/feature_shard.h"
#include "stages/model/preprocessing.h"

namespace besom::stages {

/// The parameters and hints of the features stage, parsed.
struct FeaturesRequest {
  EngineSpec engine;
  std::string weights;  ///< Hex digest, or "random".
  std::string numerics;
  Preprocessing preprocessing;
  AugmentSettings augment;  ///< No views without a section.
  std::vector<int> views;
  std::uint64_t seed = 0;
  std::vector<Digest> contents;

  /// kInvalid names the parameter that is missing or ill-typed.
  static Result<FeaturesRequest> Parse(const Json& params, const Json& hints);
  bool HasAugmentedViews() const;
};

/// The pixels that a task may read.
class PixelSource {
 public:
  /// kCorrupt when a shard is none, or its images are not `size` pixels wide.
  static Result<PixelSource> Over(const std::vector<Artifact>& shards,
                                  int size);

  struct Place {
    std::size_t shard = 0, record = 0;
  };
  /// Where the pixels of `content` are; nothing when no shard knows it.
  std::optional<Place> Find(const Digest& content) const;
  const PixelRecord& record(Place place) const;
  std::span<const std::uint8_t> pixels(Place place) const;

 private:
  std::vector<PixelShard> shards_;
};

/// One row to be made.
struct RowWork {
  FeatureKey key;
  PixelSource::Place place;
  View view;
  bool plain = true;  ///< View 0: the pixels as they are.
};

/// Lists the rows of a request in the order of the shard. `trained` holds the
/// contents that views >= 1 are made of (null when there are no such views).
/// kCorrupt when no pixel shard knows a content.
Result<std::vector<RowWork>> ListRows(const FeaturesRequest& request,
                                      const PixelSource& pixels,
                                      const std::set<Digest>* trained);

/// Writes the input of `rows` behind each other into `input`.
void FillBatch(const FeaturesRequest& request, const PixelSource& pixels,
               const InputFiller& filler, std::span<const RowWork* const> rows,
               std::span<float> input);

}  // namespace besom::stages
