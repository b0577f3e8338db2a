#pragma once

#include <memory>
#include <span>
#include <vector>

#include "cluster/group.h"
#include "stages/model/head/fit_trainer.h"
#include "stages/model/head/head_pass.h"
#include "stages/model/head/head_state.h"

namespace besom::stages {

/// Trains a head by all ranks of a group. Each batch is cut into as
/// many contiguous shards as the group has (cluster::PieceOf: the first ones
/// have one row more; with few rows the last are empty), each rank computes
/// the gradients of its shards, and these are added in the order of shards. So
/// the weights are the same bits on all ranks and for any number of ranks;
/// those of different numbers of shards differ by rounding only.
///
/// A layer's gradients travel while those of the layers below it are computed.
class ShardedTraining final : public FitTrainer {
 public:
  /// Makes the buckets. `group` outlives it; every wait has `timeout_seconds`.
  static Result<std::unique_ptr<ShardedTraining>> Make(
      HeadWeights layers, const TrainSettings& settings,
      const HeadKernels& kernels, cluster::Group& group,
      double timeout_seconds);

  /// `step` is the whole batch's, equal on all ranks, which all return the
  /// same figures. An error is the group's.
  Result<StepFigures> Step(const FitStep& step) override;
  Result<std::vector<float>> Logits(
      std::span<const float* const> rows) override;
  FitWeights Weights() const override { return {state_.Kept(), {}}; }
  TrainerState State() const override { return state_.ToState(); }
  Status Restore(const TrainerState& state) override {
    return state_.Restore(state);
  }

 private:
  // Inputs [begin, end) of a layer: what one bucket holds. The first piece of
  // a layer also holds its biases, the very first one the shards' losses.
  struct Piece {
    std::size_t layer = 0;
    int begin = 0, end = 0;
    int bucket = 0;
  };

  ShardedTraining(HeadWeights layers, const TrainSettings& settings,
                  const HeadKernels& kernels, cluster::Group& group,
                  double timeout_seconds);
  Status AddBuckets();
  // Gradients of a piece, its biases included.
  int FloatsOf(const Piece& piece) const;
  double Forward(std::size_t own, const FitStep& step);
  Status StartGradients(const Piece& piece, const std::vector<double>& losses);
  Status StartAll(const std::vector<double>& losses);
  double Loss() const;
  Result<double> GradientNorm();
  void Apply(const Piece& piece, const OptimizerStep& step, float scale);

  HeadState state_;
  const TrainSettings settings_;
  const HeadKernels& kernels_;
  cluster::Group& group_;
  const double timeout_seconds_;
  std::vector<Piece> pieces_;     // The last layer's first.
  std::vector<HeadPass> passes_;  // By own shard.
  std::vector<float> scaled_;     // A clipped piece of the gradient.
};

}  // namespace besom::stages
