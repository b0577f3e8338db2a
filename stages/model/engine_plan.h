#pragma once

#include <span>

#include "pipeline/base/result.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/feature_engine.h"
#include "stages/model/folded_network.h"
#include "stages/model/pooling.h"

namespace besom::stages {

/// What every engine works out from its spec before it builds anything.
struct EnginePlan {
  EngineSpec spec;
  int dimension = 0;  ///< Numbers in a row.
  Pooling pooling = Pooling::kAverage;
  MapShape map;  ///< Of the cut's output.
  int last_layer = 0;
  Backbone backbone;

  std::size_t image_numbers() const {
    return static_cast<std::size_t>(spec.size) * spec.size * 3;
  }
  /// The frozen base with the spec's weights; errors are those of the file.
  Result<FoldedNetwork> LoadNetwork() const;
  /// Pools `images` maps, channels last, one after the other, into `rows`.
  void Pool(int images, const float* maps, std::span<float> rows) const;
  /// Holds the arguments of FeatureEngine::Extract to its contract.
  void CheckArguments(int images, int batch, std::span<const float> input,
                      std::span<float> rows) const;
};

/// kInvalid for an unknown backbone, cut or pooling, a size too small, or a
/// precision that is not built for spec.engine.
/// REQUIRES: spec.threads >= 1.
Result<EnginePlan> PlanEngine(const EngineSpec& spec);

}  // namespace besom::stages
