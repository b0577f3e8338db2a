#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cluster/group.h"
#include "stages/model/head/fit_trainer.h"
#include "stages/model/head/head_pass.h"
#include "stages/model/head/head_state.h"
#include "stages/model/trained_base.h"

namespace besom::stages {

/// Trains a head together with a part of the base under it. Rows are maps of
/// the base's frozen edge. The base has the learning rate
/// train.base_learning_rate, which the schedule changes by the same factor as
/// the head's, and stands still for the first train.freeze_epochs epochs.
/// Clipping looks at the gradient of both. Running statistics are kept as they
/// are, also where train.ema keeps the average of what is learned.
///
/// Batches are cut into the shards of a group as by ShardedTraining, each of
/// these into micro-shards as TrainedBase says: the weights are the same bits
/// on all ranks, for any number of ranks and threads.
class UnfrozenTraining final : public FitTrainer {
 public:
  /// Makes the buckets. Where the group has one shard, the base's gradients do
  /// not pass through it. `group` outlives it; every wait has
  /// `timeout_seconds`. REQUIRES: the head reads base->dimension() features.
  static Result<std::unique_ptr<UnfrozenTraining>> Make(
      HeadWeights layers, std::unique_ptr<TrainedBase> base,
      const TrainSettings& settings, const HeadKernels& kernels,
      cluster::Group& group, double timeout_seconds);

  /// As of ShardedTraining: all arguments are the whole batch's.
  Result<StepFigures> Step(const FitStep& step) override;
  Result<std::vector<float>> Logits(
      std::span<const float* const> rows) override;
  FitWeights Weights() const override;
  TrainerState State() const override;
  Status Restore(const TrainerState& state) override;

 private:
  /// One of this rank's shards: what its rows become.
  struct Shard {
    std::vector<float> features;
    HeadPass pass;
    double loss = 0;
  };

  UnfrozenTraining(HeadWeights layers, std::unique_ptr<TrainedBase> base,
                   const TrainSettings& settings, const HeadKernels& kernels,
                   cluster::Group& group, double timeout_seconds);
  Status AddBuckets();
  bool trains_base(int epoch) const { return epoch >= settings_.freeze_epochs; }
  Status Forward(std::size_t own, const FitStep& step);
  Status Backward(std::size_t own, bool through_base);
  Status SumOverShards(bool with_base);
  double GradientNorm(bool with_base) const;
  void ApplyToHead(const OptimizerStep& scalars, float scale);
  void ApplyToBase(const OptimizerStep& scalars, float scale);
  template <typename Work>
  void ForEachLearned(const Work& work);
  void CopyToAverage();
  void Average();
  void SwapAverage();

  HeadState state_;
  std::unique_ptr<TrainedBase> base_;
  std::vector<float> first_, second_;  // Moments of the base's learned tensors.
  std::vector<float> average_;         // Of these tensors; empty without ema.
  std::int64_t base_steps_ = 0;        // Taken of the base.
  const TrainSettings settings_;
  const HeadKernels& kernels_;
  cluster::Group& group_;
  const double timeout_seconds_;
  std::size_t head_floats_ = 0;  // Of all layers; losses follow in the bucket.
  int head_bucket_ = 0;
  std::vector<int> base_buckets_;  // Pieces of the base's gradients, in order.
  std::vector<Shard> shards_;
  std::vector<float> gradients_;  // Of the base's learned tensors.
};

}  // namespace besom::stages
