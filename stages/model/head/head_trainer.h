#pragma once

#include <span>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/head/head_network.h"

namespace besom::stages {

/// One head in training: weights, optimiser state, scratch memory. One thread
/// at a time.
class HeadTrainer {
 public:
  HeadTrainer() = default;
  HeadTrainer(const HeadTrainer&) = delete;
  HeadTrainer& operator=(const HeadTrainer&) = delete;
  virtual ~HeadTrainer() = default;

  /// One optimiser step on a batch; returns its loss before the step. Where it
  /// is not finite, no weight has changed.
  /// masks: one per hidden layer, rows x padded of that layer, 0 or the scale
  /// of a kept unit; empty = no dropout.
  virtual Result<double> Step(std::span<const float* const> rows,
                              std::span<const int> labels,
                              const LossSettings& loss,
                              const std::vector<std::vector<float>>& masks) = 0;

  virtual const HeadWeights& weights() const = 0;
};

}  // namespace besom::stages
