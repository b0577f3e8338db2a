#pragma once

#include <cstdint>

#include "stages/model/head/head_kernels.h"
#include "stages/model/head/head_settings.h"

namespace besom::stages {

/// The scalars of optimiser step number `number` (from 1) at a learning rate,
/// with the constants that are the defaults of torch.optim's Adam, AdamW, SGD
/// and RMSprop (without its momentum). HeadKernels::apply takes the step on any
/// flat array of floats.
OptimizerStep StepScalars(const TrainSettings& settings, double learning_rate,
                          std::int64_t number);

/// What a gradient is multiplied with so that its norm is at most `clip_norm`,
/// as torch.nn.utils.clip_grad_norm_: clip_norm / (norm + 1e-6), at most 1.
float ClipScale(double norm, double clip_norm);

}  // namespace besom::stages
