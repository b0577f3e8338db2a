#pragma once

#include <memory>

#include "pipeline/base/json.h"
#include "stages/model/trained_base.h"

namespace besom::stages {

/// Fits a small head, and `base` where it is not null, on drawn data, and says
/// all that went in and came out: what a parity test repeats in PyTorch.
///
/// config: {inputs (only without a base), hidden, classes, images, validation,
///  dropout, head_init, shards, data: a seed, train: the keys of the section}.
/// Result: {start, base: [{name, learned, values}], images: {rows, labels},
///  validation: {rows, labels}, epochs: [{order, loss}], steps: [{masks,
///  partners, share, learning_rate, loss, gradient_norm}], chosen_epoch, end,
///  end_base: [{name, values}]}.
Json FitForParity(const Json& config, std::unique_ptr<TrainedBase> base);

}  // namespace besom::stages
