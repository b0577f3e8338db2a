#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stages/model/head/head_pass.h"
#include "stages/model/head/head_trainer.h"

namespace besom::stages {

/// Trains a head on whole batches, alone.
class HeadTraining final : public HeadTrainer {
 public:
  HeadTraining(HeadWeights layers, const TrainSettings& settings,
               const HeadKernels& kernels);

  Result<double> Step(std::span<const float* const> rows,
                      std::span<const int> labels, const LossSettings& loss,
                      const std::vector<std::vector<float>>& masks) override;
  const HeadWeights& weights() const override { return layers_; }

 private:
  void Backward();

  HeadWeights layers_;
  HeadWeights first_, second_;  // Moments of the optimiser.
  const TrainSettings settings_;
  const HeadKernels& kernels_;
  HeadPass pass_;
  std::int64_t steps_ = 0;
};

}  // namespace besom::stages
