#pragma once

#include <cstdint>

#include "stages/model/head/head_settings.h"

namespace besom::stages {

/// The learning rate of every step of a fit: train.learning_rate as
/// train.schedule changes it. One thread at a time.
class LearningRate {
 public:
  /// `settings` is borrowed.
  explicit LearningRate(const TrainSettings& settings) : settings_(settings) {}

  /// That of step `step` of `epoch`, both from 0.
  double At(int epoch, int step) const;

 private:
  const TrainSettings& settings_;
};

}  // namespace besom::stages
