#pragma once

#include <cstdint>
#include <vector>

#include "stages/model/head/head_kernels.h"
#include "stages/model/head/head_network.h"
#include "stages/model/head/head_settings.h"

namespace besom::stages {

/// The images of one epoch in the order of training, as indices into labels:
/// drawn from (sweep seed, repeat, fold, epoch), with `own` from the train
/// seed too. kUndersample keeps of each class as many as the smallest has,
/// drawn anew each epoch; kOversample repeats images of each class until it
/// has as many as the largest. Classes without images are passed over.
std::vector<std::size_t> EpochOrder(const std::vector<int>& labels,
                                    const TrainSettings& settings,
                                    std::uint64_t sweep_seed, const FitKey& key,
                                    int epoch);

/// How many images EpochOrder holds, which is so in every epoch.
std::size_t EpochSize(const std::vector<int>& labels, ClassBalance balance);

/// Dropout masks of one step, one per hidden layer (rows x padded); empty for
/// dropout 0. Drawn from (train seed, layer, repeat, fold, epoch, step).
std::vector<std::vector<float>> DropoutMasks(const std::vector<int>& hidden,
                                             double dropout, const FitKey& key,
                                             int epoch, int step, int rows,
                                             const HeadKernels& kernels);

}  // namespace besom::stages
