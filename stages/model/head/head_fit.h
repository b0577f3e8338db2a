#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "cluster/group.h"
#include "pipeline/base/result.h"
#include "stages/model/head/fit_data.h"
#include "stages/model/head/head_kernels.h"
#include "stages/model/trained_base.h"

namespace besom::stages {

/// Into how many shards each batch is cut, and who computes them.
struct FitShards {
  int count = 1;  ///< Part of what decides the numbers; see ShardedTraining.
  /// The ranks that train together, with as many shards; null = this one
  /// alone, which computes all. Borrowed.
  cluster::Group* group = nullptr;
  /// How long a rank waits for the others in one step, or to begin. They only
  /// differ by how fast they compute.
  double timeout_seconds = 120;
};

/// Trains one head: a group of one of FitHeads, or by several ranks.
/// `progress` gets the share of epochs done and returns true to stop
/// (kInterrupted). kFailed with epoch, step and learning rate when a loss is
/// not finite; kInvalid when the settings ask for what the data do not hold. A
/// pure function of its arguments but for `progress`.
///
/// In a group all members return the same weights and figures bit for bit, or
/// all return an error: the same for kFailed, and for kInterrupted as soon as
/// one is asked to stop; else the member that failed breaks the group, and the
/// others return kUnavailable. kInternal when members come to differ. The
/// leader leaves the checkpoints; the members go on from one that they all see.
Result<FitResult> FitHead(const FitData& data, const HeadToFit& head,
                          std::uint64_t sweep_seed,
                          const std::function<bool(double)>& progress,
                          const HeadKernels& kernels = BestHeadKernels(),
                          const FitShards& shards = {});

/// Trains a head together with a part of the base, whose maps data's rows are,
/// data.dimension numbers each; see UnfrozenTraining. As FitHead, but
/// `progress` hears of every step, and alone a fit stops there.
Result<FitResult> FitUnfrozen(const FitData& data, const HeadToFit& head,
                              std::uint64_t sweep_seed,
                              const std::function<bool(double)>& progress,
                              std::unique_ptr<TrainedBase> base,
                              const HeadKernels& kernels = BestHeadKernels(),
                              const FitShards& shards = {});

}  // namespace besom::stages
