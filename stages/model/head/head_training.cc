#include "stages/model/head/head_training.h"

#include <cmath>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/model/head/optimizer.h"

namespace besom::stages {

HeadTraining::HeadTraining(HeadWeights layers, const TrainSettings& settings,
                           const HeadKernels& kernels)
    : state_(std::move(layers), settings),
      settings_(settings),
      kernels_(kernels) {
  if (settings.clip_norm > 0) gradients_ = EmptyLike(state_.layers);
}

Result<StepFigures> HeadTraining::Step(const FitStep& step) {
  BESOM_CHECK(
      step.rows.size() == step.targets.labels.size() && !step.rows.empty(),
      "one label per row");
  const HeadWeights& layers = state_.layers;
  pass_.Forward(layers, step.rows,
                MaskRows(step.masks, layers, step.rows.size(), 0), kernels_);
  StepFigures figures;
  figures.loss =
      BatchLoss(pass_.logits(), step.targets, layers.back().padded(), step.loss,
                TotalWeight(step.targets, step.loss), pass_.deltas());
  if (!std::isfinite(figures.loss)) return figures;
  const OptimizerStep scalars =
      StepScalars(settings_, step.learning_rate, state_.steps + 1);
  if (settings_.clip_norm > 0) {
    figures.gradient_norm = Gradients();
    if (!std::isfinite(figures.gradient_norm)) return figures;
    Apply(scalars, ClipScale(figures.gradient_norm, settings_.clip_norm));
  } else {
    Backward(scalars);
  }
  ++state_.steps;
  state_.Average(settings_.ema, kernels_);
  return figures;
}

// Each layer's step as soon as its gradient is known, which is never stored.
void HeadTraining::Backward(const OptimizerStep& step) {
  HeadWeights& layers = state_.layers;
  const float one = 1;
  for (std::size_t l = layers.size(); l-- > 0;) {
    HeadLayer &layer = layers[l], &first = state_.first[l],
              &second = state_.second[l];
    std::vector<float> below;
    // Before the update: the gradient belongs to the weights of this step.
    if (l > 0) below = pass_.DeltasBelow(layers, l, kernels_);
    const std::vector<const float*> inputs = pass_.Inputs(layers, l);
    const int count = static_cast<int>(inputs.size());
    const float* deltas = pass_.deltas().data();
    kernels_.update(inputs.data(), count, layer.inputs, deltas, layer.padded(),
                    step, layer.weights.data(), first.weights.data(),
                    second.weights.data());
    // A bias is the weight of an input that is always 1.
    const std::vector<const float*> ones(inputs.size(), &one);
    kernels_.update(ones.data(), count, 1, deltas, layer.padded(), step,
                    layer.bias.data(), first.bias.data(), second.bias.data());
    pass_.deltas().swap(below);
  }
}

// All gradients; returns their norm.
double HeadTraining::Gradients() {
  const HeadWeights& layers = state_.layers;
  double squares = 0;
  for (std::size_t l = layers.size(); l-- > 0;) {
    HeadLayer& layer = gradients_[l];
    pass_.WeightGradients(layers, l, 0, layer.inputs, kernels_,
                          layer.weights.data());
    pass_.BiasGradients(layers, l, kernels_, layer.bias.data());
    for (const std::vector<float>* part : {&layer.weights, &layer.bias})
      squares += kernels_.squares(part->data(), static_cast<int>(part->size()));
    if (l == 0) break;
    std::vector<float> below = pass_.DeltasBelow(layers, l, kernels_);
    pass_.deltas().swap(below);
  }
  return std::sqrt(squares);
}

// The step by the gradients times `scale`, which spoils them.
void HeadTraining::Apply(const OptimizerStep& step, float scale) {
  const auto apply = [&](std::vector<float>& gradient, std::vector<float>& now,
                         std::vector<float>& first,
                         std::vector<float>& second) {
    for (float& value : gradient) value *= scale;
    kernels_.apply(gradient.data(), static_cast<int>(gradient.size()), step,
                   now.data(), first.data(), second.data());
  };
  for (std::size_t l = 0; l < gradients_.size(); ++l) {
    apply(gradients_[l].weights, state_.layers[l].weights,
          state_.first[l].weights, state_.second[l].weights);
    apply(gradients_[l].bias, state_.layers[l].bias, state_.first[l].bias,
          state_.second[l].bias);
  }
}

Result<std::vector<float>> HeadTraining::Logits(
    std::span<const float* const> rows) {
  return HeadLogits(state_.Kept(), rows, kernels_);
}

}  // namespace besom::stages
