#pragma once

#include <span>
#include <vector>

#include "stages/model/head/fit_trainer.h"
#include "stages/model/head/head_pass.h"
#include "stages/model/head/head_state.h"

namespace besom::stages {

/// Trains a head on whole batches, alone.
class HeadTraining final : public FitTrainer {
 public:
  HeadTraining(HeadWeights layers, const TrainSettings& settings,
               const HeadKernels& kernels);

  Result<StepFigures> Step(const FitStep& step) override;
  Result<std::vector<float>> Logits(
      std::span<const float* const> rows) override;
  FitWeights Weights() const override { return {state_.Kept(), {}}; }
  TrainerState State() const override { return state_.ToState(); }
  Status Restore(const TrainerState& state) override {
    return state_.Restore(state);
  }

 private:
  void Backward(const OptimizerStep& step);
  double Gradients();
  void Apply(const OptimizerStep& step, float scale);

  HeadState state_;
  const TrainSettings settings_;
  const HeadKernels& kernels_;
  HeadPass pass_;
  HeadWeights gradients_;  // Of heads that clip.
};

}  // namespace besom::stages
