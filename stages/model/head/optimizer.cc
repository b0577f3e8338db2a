#include "stages/model/head/optimizer.h"

#include <algorithm>
#include <cmath>

namespace besom::stages {

OptimizerStep StepScalars(const TrainSettings& settings, double learning_rate,
                          std::int64_t number) {
  // Constants of Adam: Kingma and Ba 2015, and torch.optim's defaults.
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999;
  constexpr double kAlpha = 0.99;  // RMSprop's.
  const auto t = static_cast<double>(number);
  OptimizerStep step;
  step.kind = settings.optimizer;
  step.learning_rate = static_cast<float>(learning_rate);
  step.weight_decay = static_cast<float>(settings.weight_decay);
  step.step_size =
      static_cast<float>(learning_rate / (1 - std::pow(kBeta1, t)));
  step.root_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(kBeta2, t)));
  step.momentum = static_cast<float>(settings.momentum);
  if (settings.optimizer == OptimizerKind::kRmsProp) {
    step.beta2 = static_cast<float>(kAlpha);
    step.beta2_rest = static_cast<float>(1 - kAlpha);
  }
  return step;
}

float ClipScale(double norm, double clip_norm) {
  return static_cast<float>(std::min(1.0, clip_norm / (norm + 1e-6)));
}

}  // namespace besom::stages
