#include "stages/model/head/head_pass.h"

#include <utility>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

std::vector<const float*> RowsOf(const std::vector<float>& matrix,
                                 std::size_t count, int padded) {
  std::vector<const float*> rows(count);
  for (std::size_t r = 0; r < count; ++r)
    rows[r] = matrix.data() + r * static_cast<std::size_t>(padded);
  return rows;
}

/// ReLU, then the mask where there is one.
void Activate(std::vector<float>& values, const float* mask) {
  // Written so that NaN stays NaN and is noticed.
  for (float& value : values) value = value < 0 ? 0.0F : value;
  if (mask == nullptr) return;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= mask[i];
}

}  // namespace

void HeadPass::Forward(const HeadWeights& layers,
                       std::span<const float* const> rows,
                       std::vector<const float*> masks,
                       const HeadKernels& kernels) {
  rows_.assign(rows.begin(), rows.end());
  masks_ = std::move(masks);
  outputs_.resize(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const HeadLayer& layer = layers[l];
    const std::vector<const float*> inputs = Inputs(layers, l);
    outputs_[l].resize(rows_.size() * layer.padded());
    kernels.product(inputs.data(), static_cast<int>(rows_.size()), layer.inputs,
                    layer.weights.data(), layer.bias.data(), layer.padded(),
                    outputs_[l].data());
    if (l + 1 < layers.size())
      Activate(outputs_[l], masks_.empty() ? nullptr : masks_[l]);
  }
  deltas_.resize(outputs_.back().size());
}

std::vector<const float*> HeadPass::Inputs(const HeadWeights& layers,
                                           std::size_t layer) const {
  if (layer == 0) return rows_;
  return RowsOf(outputs_[layer - 1], rows_.size(), layers[layer - 1].padded());
}

/// The deltas times the turned weights: gradients by what goes into the layer.
std::vector<float> HeadPass::ThroughLayer(const HeadLayer& layer,
                                          const HeadKernels& kernels) const {
  const int padded = PaddedWidth(layer.inputs);
  std::vector<float> turned(static_cast<std::size_t>(layer.outputs) * padded);
  for (int i = 0; i < layer.inputs; ++i)
    for (int o = 0; o < layer.outputs; ++o)
      turned[static_cast<std::size_t>(o) * padded + i] =
          layer.weights[static_cast<std::size_t>(i) * layer.padded() + o];
  const std::vector<float> nothing(padded, 0.0F);
  std::vector<float> below(rows_.size() * padded);
  const std::vector<const float*> rows =
      RowsOf(deltas_, rows_.size(), layer.padded());
  kernels.product(rows.data(), static_cast<int>(rows.size()), layer.outputs,
                  turned.data(), nothing.data(), padded, below.data());
  return below;
}

std::vector<float> HeadPass::DeltasBelow(const HeadWeights& layers,
                                         std::size_t index,
                                         const HeadKernels& kernels) const {
  BESOM_CHECK(index > 0, "no layer is below the first");
  std::vector<float> below = ThroughLayer(layers[index], kernels);
  const std::vector<float>& value = outputs_[index - 1];
  for (std::size_t i = 0; i < below.size(); ++i) {
    const float slope = masks_.empty() ? 1.0F : masks_[index - 1][i];
    below[i] = value[i] > 0 ? below[i] * slope : 0.0F;
  }
  return below;
}

std::vector<float> HeadPass::DeltasOfRows(const HeadWeights& layers,
                                          const HeadKernels& kernels) const {
  return ThroughLayer(layers.front(), kernels);
}

std::vector<const float*> MaskRows(std::span<const std::vector<float>> masks,
                                   const HeadWeights& layers, std::size_t rows,
                                   std::size_t first) {
  BESOM_CHECK(masks.empty() || masks.size() + 1 == layers.size(),
              "one mask per hidden layer");
  std::vector<const float*> found;
  for (std::size_t l = 0; l < masks.size(); ++l) {
    BESOM_CHECK(masks[l].size() >= rows * layers[l].padded(),
                "the mask is too small");
    found.push_back(masks[l].data() + first * layers[l].padded());
  }
  return found;
}

}  // namespace besom::stages
