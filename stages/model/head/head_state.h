#pragma once

#include <cstdint>

#include "stages/model/head/fit_trainer.h"
#include "stages/model/head/head_network.h"

namespace besom::stages {

/// A head in training between two steps: what its trainers have in common.
struct HeadState {
  /// Before the first step. Moments begin at 0.
  HeadState(HeadWeights start, const TrainSettings& settings);

  /// The weights to keep.
  const HeadWeights& Kept() const { return average.empty() ? layers : average; }
  /// After a step: see TrainSettings::ema.
  void Average(double ema, const HeadKernels& kernels);

  TrainerState ToState() const;
  /// See FitTrainer::Restore.
  Status Restore(const TrainerState& state);

  HeadWeights layers;
  HeadWeights first, second;  ///< Moments of the optimiser.
  HeadWeights average;        ///< Of the layers; empty without ema.
  std::int64_t steps = 0;     ///< Taken.
};

}  // namespace besom::stages
