#include "stages/model/head/unfrozen_training.h"

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

// Floats of a bucket of the base's gradients: several travel at once.
constexpr std::size_t kPieceFloats = std::size_t{1} << 18;

std::vector<const float*> RowsOf(std::span<const float> matrix,
                                 std::size_t width) {
  std::vector<const float*> rows;
  for (std::size_t at = 0; at < matrix.size(); at += width)
    rows.push_back(matrix.data() + at);
  return rows;
}

}  // namespace

UnfrozenTraining::UnfrozenTraining(HeadWeights layers,
                                   std::unique_ptr<TrainedBase> base,
                                   const TrainSettings& settings,
                                   const HeadKernels& kernels,
                                   cluster::Group& group,
                                   double timeout_seconds)
    : state_(std::move(layers), settings),
      base_(std::move(base)),
      first_(base_->learned_numbers(), 0.0F),
      second_(first_),
      settings_(settings),
      kernels_(kernels),
      group_(group),
      timeout_seconds_(timeout_seconds),
      shards_(group.own_shards().size()),
      gradients_(first_.size()) {
  BESOM_CHECK(state_.layers.front().inputs == base_->dimension(),
              "the head does not fit the base");
  if (settings_.ema > 0) CopyToAverage();
}

// Calls work(values, at) with the numbers of each learned tensor and where they
// stand among those of all.
template <typename Work>
void UnfrozenTraining::ForEachLearned(const Work& work) {
  std::size_t at = 0;
  for (const BaseTensor& tensor : base_->tensors()) {
    if (!tensor.learned) continue;
    work(tensor.values, at);
    at += tensor.values.size();
  }
}

Result<std::unique_ptr<UnfrozenTraining>> UnfrozenTraining::Make(
    HeadWeights layers, std::unique_ptr<TrainedBase> base,
    const TrainSettings& settings, const HeadKernels& kernels,
    cluster::Group& group, double timeout_seconds) {
  std::unique_ptr<UnfrozenTraining> training(
      new UnfrozenTraining(std::move(layers), std::move(base), settings,
                           kernels, group, timeout_seconds));
  BESOM_RETURN_IF_ERROR(training->AddBuckets());
  return training;
}

Status UnfrozenTraining::AddBuckets() {
  for (const HeadLayer& layer : state_.layers)
    head_floats_ += layer.weights.size() + layer.bias.size();
  const auto losses = static_cast<std::size_t>(group_.shards() * kFloatsOfLoss);
  BESOM_ASSIGN_OR_RETURN(head_bucket_, group_.AddBucket(head_floats_ + losses));
  if (group_.shards() == 1) return Status::Ok();
  for (std::size_t at = 0; at < gradients_.size(); at += kPieceFloats) {
    BESOM_ASSIGN_OR_RETURN(
        const int bucket,
        group_.AddBucket(std::min(kPieceFloats, gradients_.size() - at)));
    base_buckets_.push_back(bucket);
  }
  return Status::Ok();
}

// The features of one of this rank's shards, its loss and its deltas.
Status UnfrozenTraining::Forward(std::size_t own, const FitStep& step) {
  const cluster::IndexRange range =
      cluster::PieceOf(step.rows.size(), group_.shards(),
                       static_cast<int>(group_.own_shards().begin + own));
  const auto width = static_cast<std::size_t>(base_->dimension());
  Shard& shard = shards_[own];
  shard.features.resize(range.size() * width);
  const auto maps = step.rows.subspan(range.begin, range.size());
  BESOM_RETURN_IF_ERROR(trains_base(step.epoch)
                            ? base_->Forward(own, maps, shard.features)
                            : base_->Evaluate(maps, shard.features));
  const HeadWeights& layers = state_.layers;
  shard.pass.Forward(
      layers, RowsOf(shard.features, width),
      MaskRows(step.masks, layers, step.rows.size(), range.begin), kernels_);
  shard.loss = BatchLoss(
      shard.pass.logits(), step.targets.Rows(range.begin, range.size()),
      layers.back().padded(), step.loss, TotalWeight(step.targets, step.loss),
      shard.pass.deltas());
  return Status::Ok();
}

// Writes the gradients of one of this rank's shards into its buckets.
Status UnfrozenTraining::Backward(std::size_t own, bool through_base) {
  const auto number = static_cast<int>(group_.own_shards().begin + own);
  HeadPass& pass = shards_[own].pass;
  const HeadWeights& layers = state_.layers;
  float* out = group_.Part(head_bucket_, number);
  SplitLoss(shards_[own].loss, out + head_floats_ + number * kFloatsOfLoss);
  // The last layer's gradients come first.
  for (std::size_t l = layers.size(); l-- > 0;) {
    const HeadLayer& layer = layers[l];
    pass.WeightGradients(layers, l, 0, layer.inputs, kernels_, out);
    out += layer.weights.size();
    pass.BiasGradients(layers, l, kernels_, out);
    out += layer.bias.size();
    if (l == 0) break;
    std::vector<float> below = pass.DeltasBelow(layers, l, kernels_);
    pass.deltas().swap(below);
  }
  if (!through_base) return Status::Ok();
  const auto width = static_cast<std::size_t>(base_->dimension());
  const auto padded =
      static_cast<std::size_t>(PaddedWidth(static_cast<int>(width)));
  const std::vector<float> deltas = pass.DeltasOfRows(layers, kernels_);
  std::vector<float> by_features;
  for (std::size_t at = 0; at < deltas.size(); at += padded)
    by_features.insert(
        by_features.end(), deltas.begin() + static_cast<std::ptrdiff_t>(at),
        deltas.begin() + static_cast<std::ptrdiff_t>(at + width));
  BESOM_RETURN_IF_ERROR(base_->Backward(own, by_features, gradients_));
  const std::span<const float> all(gradients_);
  for (std::size_t piece = 0; piece < base_buckets_.size(); ++piece) {
    const std::size_t at = piece * kPieceFloats;
    const auto part = all.subspan(at, std::min(kPieceFloats, all.size() - at));
    std::ranges::copy(part, group_.Part(base_buckets_[piece], number));
  }
  return Status::Ok();
}

Status UnfrozenTraining::SumOverShards(bool with_base) {
  const std::span<const int> buckets =
      with_base ? std::span<const int>(base_buckets_) : std::span<const int>();
  BESOM_RETURN_IF_ERROR(group_.Start(head_bucket_));
  for (const int bucket : buckets) BESOM_RETURN_IF_ERROR(group_.Start(bucket));
  BESOM_RETURN_IF_ERROR(group_.Wait(head_bucket_, timeout_seconds_));
  for (std::size_t piece = 0; piece < buckets.size(); ++piece) {
    BESOM_RETURN_IF_ERROR(group_.Wait(buckets[piece], timeout_seconds_));
    const std::size_t at = piece * kPieceFloats;
    std::copy_n(group_.Sum(buckets[piece]),
                std::min(kPieceFloats, gradients_.size() - at),
                gradients_.data() + at);
  }
  return Status::Ok();
}

// The norm of the whole gradient; the same on all ranks.
double UnfrozenTraining::GradientNorm(bool with_base) const {
  double squares = kernels_.squares(group_.Sum(head_bucket_),
                                    static_cast<int>(head_floats_));
  if (with_base)
    squares += kernels_.squares(gradients_.data(),
                                static_cast<int>(gradients_.size()));
  return std::sqrt(squares);
}

void UnfrozenTraining::ApplyToHead(const OptimizerStep& scalars, float scale) {
  const float* gradient = group_.Sum(head_bucket_);
  std::vector<float> scaled;
  if (scale != 1) {
    scaled.assign(gradient, gradient + head_floats_);
    for (float& value : scaled) value *= scale;
    gradient = scaled.data();
  }
  const auto apply = [&](std::vector<float>& weights, std::vector<float>& first,
                         std::vector<float>& second) {
    kernels_.apply(gradient, static_cast<int>(weights.size()), scalars,
                   weights.data(), first.data(), second.data());
    gradient += weights.size();
  };
  for (std::size_t l = state_.layers.size(); l-- > 0;) {
    apply(state_.layers[l].weights, state_.first[l].weights,
          state_.second[l].weights);
    apply(state_.layers[l].bias, state_.first[l].bias, state_.second[l].bias);
  }
}

void UnfrozenTraining::ApplyToBase(const OptimizerStep& scalars, float scale) {
  if (scale != 1)
    for (float& value : gradients_) value *= scale;
  ForEachLearned([&](std::span<float> values, std::size_t at) {
    kernels_.apply(gradients_.data() + at, static_cast<int>(values.size()),
                   scalars, values.data(), first_.data() + at,
                   second_.data() + at);
  });
}

void UnfrozenTraining::CopyToAverage() {
  average_.resize(first_.size());
  ForEachLearned([&](std::span<float> values, std::size_t at) {
    std::ranges::copy(values,
                      average_.begin() + static_cast<std::ptrdiff_t>(at));
  });
}

// After a step; see TrainSettings::ema.
void UnfrozenTraining::Average() {
  state_.Average(settings_.ema, kernels_);
  if (average_.empty()) return;
  if (state_.steps == 1) return CopyToAverage();
  if (base_steps_ == 0) return;  // It is what it was.
  const auto share = static_cast<float>(1 - settings_.ema);
  ForEachLearned([&](std::span<float> values, std::size_t at) {
    kernels_.blend(average_.data() + at, values.data(), share,
                   static_cast<int>(values.size()), average_.data() + at);
  });
}

// Puts the average into the base, and what was there in its place.
void UnfrozenTraining::SwapAverage() {
  if (average_.empty()) return;
  ForEachLearned([&](std::span<float> values, std::size_t at) {
    std::ranges::swap_ranges(values,
                             std::span(average_).subspan(at, values.size()));
  });
}

Result<StepFigures> UnfrozenTraining::Step(const FitStep& step) {
  const bool with_base = trains_base(step.epoch);
  for (std::size_t own = 0; own < shards_.size(); ++own)
    BESOM_RETURN_IF_ERROR(Forward(own, step));
  for (std::size_t own = 0; own < shards_.size(); ++own)
    BESOM_RETURN_IF_ERROR(Backward(own, with_base));
  BESOM_RETURN_IF_ERROR(SumOverShards(with_base));
  StepFigures figures;
  figures.loss =
      SumOfLosses(group_.Sum(head_bucket_) + head_floats_, group_.shards());
  if (!std::isfinite(figures.loss)) return figures;
  float scale = 1;
  if (settings_.clip_norm > 0) {
    figures.gradient_norm = GradientNorm(with_base);
    if (!std::isfinite(figures.gradient_norm)) return figures;
    scale = ClipScale(figures.gradient_norm, settings_.clip_norm);
  }
  ApplyToHead(StepScalars(settings_, step.learning_rate, ++state_.steps),
              scale);
  if (with_base)
    ApplyToBase(StepScalars(settings_,
                            settings_.base_learning_rate * step.learning_rate /
                                settings_.learning_rate,
                            ++base_steps_),
                scale);
  Average();
  return figures;
}

Result<std::vector<float>> UnfrozenTraining::Logits(
    std::span<const float* const> rows) {
  const auto width = static_cast<std::size_t>(base_->dimension());
  std::vector<float> features(rows.size() * width);
  SwapAverage();
  const Status evaluated = base_->Evaluate(rows, features);
  SwapAverage();
  BESOM_RETURN_IF_ERROR(evaluated);
  return HeadLogits(state_.Kept(), RowsOf(features, width), kernels_);
}

FitWeights UnfrozenTraining::Weights() const {
  FitWeights weights{.head = state_.Kept(), .base = {}};
  auto average = average_.begin();
  for (const BaseTensor& tensor : base_->tensors()) {
    NamedTensor& kept = weights.base.emplace_back();
    kept.parameter = tensor.parameter;
    kept.values.assign(tensor.values.begin(), tensor.values.end());
    if (average_.empty() || !tensor.learned) continue;
    std::copy_n(average, kept.values.size(), kept.values.begin());
    average += static_cast<std::ptrdiff_t>(kept.values.size());
  }
  std::ranges::sort(weights.base, {}, [](const NamedTensor& tensor) {
    return tensor.parameter.name;
  });
  return weights;
}

TrainerState UnfrozenTraining::State() const {
  TrainerState state = state_.ToState();
  for (const BaseTensor& tensor : base_->tensors())
    state.tensors["base." + tensor.parameter.name].assign(tensor.values.begin(),
                                                          tensor.values.end());
  state.tensors["base_first"] = first_;
  state.tensors["base_second"] = second_;
  if (!average_.empty()) state.tensors["base_average"] = average_;
  state.counters["base_steps"] = base_steps_;
  return state;
}

Status UnfrozenTraining::Restore(const TrainerState& state) {
  const auto mismatch = [](const std::string& name) {
    return CorruptError("checkpoint", "it does not fit this base: " + name);
  };
  TrainerState of_head = state;
  const auto take = [&](const std::string& name, std::size_t count) {
    const auto found = of_head.tensors.extract(name);
    return found.empty() || found.mapped().size() != count
               ? std::vector<float>()
               : found.mapped();
  };
  std::vector<std::vector<float>> values;
  for (const BaseTensor& tensor : base_->tensors()) {
    values.push_back(
        take("base." + tensor.parameter.name, tensor.values.size()));
    if (values.back().empty()) return mismatch(tensor.parameter.name);
  }
  std::vector<float> first = take("base_first", first_.size());
  std::vector<float> second = take("base_second", second_.size());
  std::vector<float> average = take("base_average", average_.size());
  const auto steps = of_head.counters.extract("base_steps");
  if (first.size() != first_.size() || second.size() != second_.size() ||
      average.size() != average_.size() || steps.empty())
    return mismatch("moments");
  BESOM_RETURN_IF_ERROR(state_.Restore(of_head));
  for (std::size_t i = 0; i < values.size(); ++i)
    std::ranges::copy(values[i], base_->tensors()[i].values.begin());
  first_ = std::move(first);
  second_ = std::move(second);
  average_ = std::move(average);
  base_steps_ = steps.mapped();
  return Status::Ok();
}

}  // namespace besom::stages
