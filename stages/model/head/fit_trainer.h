#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/head/head_network.h"
#include "stages/model/head/loss.h"
#include "stages/model/trained_base.h"

namespace besom::stages {

/// What a fit learns. Plain values.
struct FitWeights {
  HeadWeights head;
  /// All tensors of the trained part of the base, by name; empty where it is
  /// frozen.
  std::vector<NamedTensor> base;

  bool operator==(const FitWeights&) const = default;
};

/// One optimiser step: on what it is taken, and how. Borrowed for the call.
struct FitStep {
  std::span<const float* const> rows;  ///< One per image of the batch.
  Targets targets;                     ///< Of these rows.
  const LossSettings& loss;
  /// One per hidden layer of the head, rows x padded of that layer, 0 or the
  /// scale of a kept unit; empty = no dropout.
  std::span<const std::vector<float>> masks;
  double learning_rate = 0;
  /// From 0, the step within the epoch: a trainer that draws for itself keys
  /// its draws by them and by the fit's key, so that they need no state.
  int epoch = 0, step = 0;
};

struct StepFigures {
  double loss = 0;           ///< Of the batch, before the step.
  double gradient_norm = 0;  ///< Of all weights, before clipping; 0 without it.
};

/// Everything that decides what a trainer does next: weights, the optimiser's
/// moments, counters. Names are the trainer's own.
struct TrainerState {
  std::map<std::string, std::vector<float>> tensors;
  std::map<std::string, std::int64_t> counters;
};

/// What is trained in a fit: weights, optimiser state, scratch memory. Rows are
/// features of the head, or where a part of the base is trained the maps that
/// go into that part. One thread at a time.
class FitTrainer {
 public:
  FitTrainer() = default;
  FitTrainer(const FitTrainer&) = delete;
  FitTrainer& operator=(const FitTrainer&) = delete;
  virtual ~FitTrainer() = default;

  /// Takes a step. Where a figure is not finite, no weight has changed.
  virtual Result<StepFigures> Step(const FitStep& step) = 0;
  /// What the weights to keep (train.ema: their moving average) say about
  /// `rows`, without dropout: rows x classes. A row's logits do not depend on
  /// the other rows.
  virtual Result<std::vector<float>> Logits(
      std::span<const float* const> rows) = 0;
  /// A copy of the weights to keep.
  virtual FitWeights Weights() const = 0;

  /// A copy of the state between two steps. A trainer of the same settings that
  /// restores it goes on bit for bit as this one does.
  virtual TrainerState State() const = 0;
  /// kCorrupt, with nothing changed, where `state` is not of a trainer of the
  /// same shape and settings.
  virtual Status Restore(const TrainerState& state) = 0;
};

}  // namespace besom::stages
