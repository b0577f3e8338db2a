#include "stages/model/head/sharded_training.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "cluster/shards.h"
#include "pipeline/base/check.h"
#include "stages/model/head/loss_parts.h"
#include "stages/model/head/optimizer.h"

namespace besom::stages {
namespace {

// Floats of a bucket, about: a layer of more is cut, so that its first
// gradients travel while its last are computed.
constexpr int kPieceFloats = 1 << 18;

}  // namespace

ShardedTraining::ShardedTraining(HeadWeights layers,
                                 const TrainSettings& settings,
                                 const HeadKernels& kernels,
                                 cluster::Group& group, double timeout_seconds)
    : state_(std::move(layers), settings),
      settings_(settings),
      kernels_(kernels),
      group_(group),
      timeout_seconds_(timeout_seconds),
      passes_(group.own_shards().size()) {}

Result<std::unique_ptr<ShardedTraining>> ShardedTraining::Make(
    HeadWeights layers, const TrainSettings& settings,
    const HeadKernels& kernels, cluster::Group& group, double timeout_seconds) {
  std::unique_ptr<ShardedTraining> training(new ShardedTraining(
      std::move(layers), settings, kernels, group, timeout_seconds));
  BESOM_RETURN_IF_ERROR(training->AddBuckets());
  return training;
}

int ShardedTraining::FloatsOf(const Piece& piece) const {
  const int rows = piece.end - piece.begin + (piece.begin == 0 ? 1 : 0);
  return rows * state_.layers[piece.layer].padded();
}

Status ShardedTraining::AddBuckets() {
  for (std::size_t l = state_.layers.size(); l-- > 0;) {
    const HeadLayer& layer = state_.layers[l];
    const int inputs = std::max(1, kPieceFloats / layer.padded());
    for (int begin = 0; begin < layer.inputs; begin += inputs) {
      Piece piece{l, begin, std::min(layer.inputs, begin + inputs), 0};
      int floats = FloatsOf(piece);
      if (pieces_.empty()) floats += group_.shards() * kFloatsOfLoss;
      BESOM_ASSIGN_OR_RETURN(
          piece.bucket, group_.AddBucket(static_cast<std::size_t>(floats)));
      pieces_.push_back(piece);
    }
  }
  return Status::Ok();
}

// The loss of one of this rank's shards and its deltas.
double ShardedTraining::Forward(std::size_t own, const FitStep& step) {
  const cluster::IndexRange shard =
      cluster::PieceOf(step.rows.size(), group_.shards(),
                       static_cast<int>(group_.own_shards().begin + own));
  HeadPass& pass = passes_[own];
  const HeadWeights& layers = state_.layers;
  pass.Forward(layers, step.rows.subspan(shard.begin, shard.size()),
               MaskRows(step.masks, layers, step.rows.size(), shard.begin),
               kernels_);
  return BatchLoss(pass.logits(), step.targets.Rows(shard.begin, shard.size()),
                   layers.back().padded(), step.loss,
                   TotalWeight(step.targets, step.loss), pass.deltas());
}

// Computes this rank's part of a bucket and sends it on its way.
Status ShardedTraining::StartGradients(const Piece& piece,
                                       const std::vector<double>& losses) {
  const HeadLayer& layer = state_.layers[piece.layer];
  const float one = 1;
  for (std::size_t own = 0; own < passes_.size(); ++own) {
    const std::size_t shard = group_.own_shards().begin + own;
    float* out = group_.Part(piece.bucket, static_cast<int>(shard));
    HeadPass& pass = passes_[own];
    const std::vector<const float*> inputs =
        pass.Inputs(state_.layers, piece.layer);
    const int count = static_cast<int>(inputs.size());
    kernels_.gradient(inputs.data(), count, piece.begin, piece.end,
                      pass.deltas().data(), layer.padded(), out);
    if (piece.begin > 0) continue;
    out += static_cast<std::size_t>(piece.end) * layer.padded();
    // A bias is the weight of an input that is always 1.
    const std::vector<const float*> ones(inputs.size(), &one);
    kernels_.gradient(ones.data(), count, 0, 1, pass.deltas().data(),
                      layer.padded(), out);
    if (&piece != pieces_.data()) continue;
    out += layer.padded();
    // Each shard has its own place; the others' parts hold zeros there.
    SplitLoss(losses[own], out + shard * kFloatsOfLoss);
  }
  return group_.Start(piece.bucket);
}

double ShardedTraining::Loss() const {
  const Piece& piece = pieces_.front();
  const std::size_t gradients = (static_cast<std::size_t>(piece.end) + 1) *
                                state_.layers[piece.layer].padded();
  return SumOfLosses(group_.Sum(piece.bucket) + gradients, group_.shards());
}

// The norm of the whole gradient, which must have come for that; the same on
// all ranks.
Result<double> ShardedTraining::GradientNorm() {
  double squares = 0;
  for (const Piece& piece : pieces_) {
    if (&piece != pieces_.data())
      BESOM_RETURN_IF_ERROR(group_.Wait(piece.bucket, timeout_seconds_));
    squares += kernels_.squares(group_.Sum(piece.bucket), FloatsOf(piece));
  }
  return std::sqrt(squares);
}

// The step by a piece of the gradient times `scale`.
void ShardedTraining::Apply(const Piece& piece, const OptimizerStep& step,
                            float scale) {
  const float* gradient = group_.Sum(piece.bucket);
  if (scale != 1) {
    scaled_.assign(gradient, gradient + FloatsOf(piece));
    for (float& value : scaled_) value *= scale;
    gradient = scaled_.data();
  }
  HeadLayer &layer = state_.layers[piece.layer],
            &first = state_.first[piece.layer],
            &second = state_.second[piece.layer];
  const int floats = (piece.end - piece.begin) * layer.padded();
  const std::size_t at = static_cast<std::size_t>(piece.begin) * layer.padded();
  kernels_.apply(gradient, floats, step, layer.weights.data() + at,
                 first.weights.data() + at, second.weights.data() + at);
  if (piece.begin > 0) return;
  kernels_.apply(gradient + floats, layer.padded(), step, layer.bias.data(),
                 first.bias.data(), second.bias.data());
}

// Computes all gradients, from the last layer down, and sends them.
Status ShardedTraining::StartAll(const std::vector<double>& losses) {
  std::size_t layer = state_.layers.size() - 1;
  for (const Piece& piece : pieces_) {
    for (; layer > piece.layer; --layer) {
      for (HeadPass& pass : passes_) {
        std::vector<float> below =
            pass.DeltasBelow(state_.layers, layer, kernels_);
        pass.deltas().swap(below);
        BESOM_RETURN_IF_ERROR(group_.Poll());
      }
    }
    BESOM_RETURN_IF_ERROR(StartGradients(piece, losses));
  }
  return Status::Ok();
}

Result<StepFigures> ShardedTraining::Step(const FitStep& step) {
  BESOM_CHECK(
      step.rows.size() == step.targets.labels.size() && !step.rows.empty(),
      "one label per row");
  std::vector<double> losses;
  for (std::size_t own = 0; own < passes_.size(); ++own)
    losses.push_back(Forward(own, step));
  BESOM_RETURN_IF_ERROR(StartAll(losses));
  BESOM_RETURN_IF_ERROR(group_.Wait(pieces_.front().bucket, timeout_seconds_));
  StepFigures figures;
  figures.loss = Loss();
  const bool clips = settings_.clip_norm > 0;
  float scale = 1;
  if (clips) {
    BESOM_ASSIGN_OR_RETURN(figures.gradient_norm, GradientNorm());
    scale = ClipScale(figures.gradient_norm, settings_.clip_norm);
  }
  const bool finite =
      std::isfinite(figures.loss) && std::isfinite(figures.gradient_norm);
  const OptimizerStep scalars =
      StepScalars(settings_, step.learning_rate, state_.steps + 1);
  for (const Piece& piece : pieces_) {
    if (!clips && &piece != pieces_.data())
      BESOM_RETURN_IF_ERROR(group_.Wait(piece.bucket, timeout_seconds_));
    if (finite) Apply(piece, scalars, scale);
  }
  if (!finite) return figures;
  ++state_.steps;
  state_.Average(settings_.ema, kernels_);
  return figures;
}

Result<std::vector<float>> ShardedTraining::Logits(
    std::span<const float* const> rows) {
  return HeadLogits(state_.Kept(), rows, kernels_);
}

}  // namespace besom::stages
