#pragma once

#include <cstdint>

#include "stages/model/head/head_kernels.h"
#include "stages/model/head/head_settings.h"

namespace besom::stages {

/// The scalars of optimiser step number `number` (from 1) at a learning rate.
/// HeadKernels::apply takes the step on any flat array of floats.
OptimizerStep StepScalars(const TrainSettings& settings, double learning_rate,
                          std::int64_t number);

}  // namespace besom::stages
