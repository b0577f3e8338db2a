#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/feature_engine.h"
#include "stages/model/folded_network.h"
#include "stages/model/pooling.h"

namespace besom::stages {

/// One of the spec's taps, worked out.
struct TapPlan {
  int layer = 0;  ///< Its map is the output of this one.
  MapShape map;
  Pooling pooling = Pooling::kAverage;
  std::size_t dimension = 0;  ///< Numbers of it in a row,
  std::size_t offset = 0;     ///< from here on.
};

/// What every engine works out from its spec before it builds anything.
struct EnginePlan {
  EngineSpec spec;
  int dimension = 0;  ///< Numbers in a row.
  std::vector<TapPlan> taps;
  Backbone backbone;

  std::size_t image_numbers() const {
    return static_cast<std::size_t>(spec.size) * spec.size * 3;
  }
  /// The frozen base with the spec's weights, whose outputs are the layers of
  /// the taps, in their order; errors are those of the file.
  Result<FoldedNetwork> LoadNetwork() const;
  /// Pools `images` maps of a tap, channels last, one after the other, into
  /// its part of `rows`.
  void Pool(std::size_t tap, int images, const float* maps,
            std::span<float> rows) const;
  /// Holds the arguments of FeatureEngine::Extract to its contract.
  void CheckArguments(int images, int batch, std::span<const float> input,
                      std::span<float> rows) const;
};

/// kInvalid for an unknown backbone, cut or pooling, a size too small, or a
/// precision that is not built for spec.engine.
/// REQUIRES: spec.threads >= 1.
Result<EnginePlan> PlanEngine(const EngineSpec& spec);

}  // namespace besom::stages
