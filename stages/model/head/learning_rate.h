#pragma once

#include <cstdint>
#include <optional>

#include "stages/model/head/head_settings.h"

namespace besom::stages {

/// The learning rate of every step of a fit: train.learning_rate as
/// train.warmup and train.schedule change it.
///
/// Warm-up comes first, as torch.optim.lr_scheduler.LinearLR stepped with each
/// batch; the schedule's clock starts when it is over. On this clock, with the
/// formulas of torch.optim.lr_scheduler unless named:
/// - step, cosine: StepLR and CosineAnnealingLR stepped with each epoch;
/// - one_cycle: OneCycleLR stepped with each batch up to the fit's last,
/// without
///   cycling momentum;
/// - inverse_time: Keras's `decay` of before 2.11, learning_rate / (1 + decay *
///   step), with each batch;
/// - plateau: ReduceLROnPlateau stepped after each epoch with the loss on the
///   validation images. Epochs that end in the warm-up do not count.
/// One thread at a time.
class LearningRate {
 public:
  /// What of it past epochs have changed (plateau).
  struct State {
    double rate = 0;             ///< In force.
    std::optional<double> best;  ///< Lowest loss.
    int bad_epochs = 0, cooldown = 0;
  };

  /// `settings` is borrowed. REQUIRES: steps_per_epoch > 0.
  LearningRate(const TrainSettings& settings, std::int64_t steps_per_epoch);

  /// That of step number `step` of the fit, from 0.
  double At(std::int64_t step) const;
  /// Ends epoch number `epoch` (from 0), with a validation loss.
  void AfterEpoch(int epoch, double loss);

  const State& state() const { return state_; }
  void Restore(const State& state) { state_ = state; }

 private:
  double Scheduled(std::int64_t step) const;
  double Cosine(double epoch) const;
  double OneCycle(double step) const;
  double InverseTime(double step) const;

  const TrainSettings& settings_;
  const std::int64_t steps_per_epoch_;
  const std::int64_t warmup_;    // Its steps.
  const std::int64_t schedule_;  // The steps after it.
  State state_;
};

}  // namespace besom::stages
