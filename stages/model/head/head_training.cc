#include "stages/model/head/head_training.h"

#include <cmath>
#include <utility>

#include "pipeline/base/check.h"

namespace besom::stages {

HeadTraining::HeadTraining(HeadWeights layers, const TrainSettings& settings,
                           const HeadKernels& kernels)
    : layers_(std::move(layers)),
      first_(EmptyLike(layers_)),
      second_(first_),
      settings_(settings),
      kernels_(kernels) {}

Result<double> HeadTraining::Step(
    std::span<const float* const> rows, std::span<const int> labels,
    const LossSettings& loss, const std::vector<std::vector<float>>& masks) {
  BESOM_CHECK(rows.size() == labels.size() && !rows.empty(),
              "one label per row");
  pass_.Forward(layers_, rows, MaskRows(masks, layers_, rows.size(), 0),
                kernels_);
  const double value =
      CrossEntropy(pass_.logits(), labels, layers_.back().padded(), loss,
                   TotalWeight(labels, loss), pass_.deltas());
  if (std::isfinite(value)) Backward();
  return value;
}

void HeadTraining::Backward() {
  const OptimizerStep step = StepScalars(settings_, ++steps_);
  const float one = 1;
  for (std::size_t l = layers_.size(); l-- > 0;) {
    HeadLayer& layer = layers_[l];
    std::vector<float> below;
    // Before the update: the gradient belongs to the weights of this step.
    if (l > 0) below = pass_.DeltasBelow(layers_, l, kernels_);
    const std::vector<const float*> inputs = pass_.Inputs(layers_, l);
    const int count = static_cast<int>(inputs.size());
    const float* deltas = pass_.deltas().data();
    kernels_.update(inputs.data(), count, layer.inputs, deltas, layer.padded(),
                    step, layer.weights.data(), first_[l].weights.data(),
                    second_[l].weights.data());
    // A bias is the weight of an input that is always 1.
    const std::vector<const float*> ones(inputs.size(), &one);
    kernels_.update(ones.data(), count, 1, deltas, layer.padded(), step,
                    layer.bias.data(), first_[l].bias.data(),
                    second_[l].bias.data());
    pass_.deltas().swap(below);
  }
}

}  // namespace besom::stages
