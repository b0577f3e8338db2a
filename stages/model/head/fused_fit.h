#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/head/fit_data.h"
#include "stages/model/head/head_kernels.h"

namespace besom::stages {

/// Trains many heads on the same images by up to `threads` threads, this one
/// included. Returns what became of each, in the order of `heads`: a head's
/// result is the same bits alone and in any group, at any place and for any
/// number of threads, and so is its error, which ends no other head: kFailed
/// with epoch, step and learning rate when a loss is not finite, kInvalid when
/// its settings ask for what the data do not hold. A head that stops early
/// costs no more work. One with a checkpoint goes on from there, at its own
/// epoch.
///
/// Heads may differ in everything; those of equal `balance` and order share
/// the order of images. Rows are fetched once per epoch, and read by one head
/// after another in blocks that fit the cache, so that a map of a large file
/// passes through memory once per epoch and not once per head.
///
/// `progress` gets the share of the heads' epochs done, from any thread but one
/// at a time, and returns true to stop: then all is kInterrupted. An error of
/// data.train_rows ends all.
Result<std::vector<Result<FitResult>>> FitHeads(
    const FitData& data, std::span<const HeadToFit> heads,
    std::uint64_t sweep_seed, const std::function<bool(double)>& progress,
    int threads = 1, const HeadKernels& kernels = BestHeadKernels());

}  // namespace besom::stages
