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
  FitWeights Weights() const override { return {state_.layers, {}}; }
  TrainerState State() const override { return state_.ToState(); }
  Status Restore(const TrainerState& state) override {
    return state_.Restore(state);
  }

 private:
  void Backward(double learning_rate);

  HeadState state_;
  const TrainSettings settings_;
  const HeadKernels& kernels_;
  HeadPass pass_;
};

}  // namespace besom::stages
