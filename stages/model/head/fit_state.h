#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "pipeline/base/result.h"
#include "stages/model/head/fit_data.h"
#include "stages/model/head/fit_trainer.h"
#include "stages/model/head/learning_rate.h"

namespace besom::stages {

/// How far a fit is.
struct FitProgress {
  FitResult so_far;      ///< Weights of the best epoch, and the epochs.
  std::size_t next = 0;  ///< Image of the epoch's order.
  int steps = 0;         ///< Of this epoch.
  double sum = 0;        ///< Of its losses.
  double best = 0;       ///< Score of best_epoch; lower is better.
  int best_epoch = -1;
};

/// Everything that decides how a fit goes on between two of its steps. Draws
/// need no state of their own: they are keyed by epoch and step.
struct FitState {
  TrainerState trainer;
  LearningRate::State learning_rate;
  FitProgress progress;
};

/// The state as bytes: a .safetensors file. Equal states give equal bytes.
std::string PackFitState(const FitState& state);
/// What PackFitState wrote, number for number. kCorrupt for all else, also for
/// what another version wrote.
Result<FitState> UnpackFitState(std::string bytes);

}  // namespace besom::stages
