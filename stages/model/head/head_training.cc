#include "stages/model/head/head_training.h"

#include <cmath>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/model/head/optimizer.h"

namespace besom::stages {

HeadTraining::HeadTraining(HeadWeights layers, const TrainSettings& settings,
                           const HeadKernels& kernels)
    : state_(std::move(layers)), settings_(settings), kernels_(kernels) {}

Result<StepFigures> HeadTraining::Step(const FitStep& step) {
  BESOM_CHECK(
      step.rows.size() == step.targets.labels.size() && !step.rows.empty(),
      "one label per row");
  const HeadWeights& layers = state_.layers;
  pass_.Forward(layers, step.rows,
                MaskRows(step.masks, layers, step.rows.size(), 0), kernels_);
  const double loss =
      BatchLoss(pass_.logits(), step.targets, layers.back().padded(), step.loss,
                TotalWeight(step.targets, step.loss), pass_.deltas());
  if (std::isfinite(loss)) Backward(step.learning_rate);
  return StepFigures{loss};
}

void HeadTraining::Backward(double learning_rate) {
  const OptimizerStep step =
      StepScalars(settings_, learning_rate, ++state_.steps);
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

Result<std::vector<float>> HeadTraining::Logits(
    std::span<const float* const> rows) {
  return HeadLogits(state_.layers, rows, kernels_);
}

}  // namespace besom::stages
