#include "stages/model/trainable_network.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/check.h"
#include "stages/model/torch_layers.h"

namespace besom::stages {

/// One forward pass: the layers' outputs so far.
class TrainableNetwork::Pass {
 public:
  Pass(const TrainableNetwork& network, const at::Tensor& input,
       std::span<const at::Tensor> tensors, BatchNormMode mode, bool training)
      : network_(network),
        input_(input),
        tensors_(tensors),
        batch_statistics_(training && mode == BatchNormMode::kBatch) {}

  at::Tensor Run() {
    for (int i = network_.edge_ + 1; i <= network_.last_; ++i)
      outputs_.push_back(network_.IsRead(i) ? Output(i) : at::Tensor());
    return outputs_.empty() ? input_ : outputs_.back();
  }

 private:
  const at::Tensor& Read(int source) const {
    if (source == network_.edge_) return input_;
    BESOM_CHECK(source > network_.edge_, network_.backbone_.name);
    return outputs_[static_cast<std::size_t>(source - network_.edge_ - 1)];
  }

  at::Tensor Output(int index) {
    const Layer& layer = network_.At(index);
    const auto tensors = tensors_.subspan(network_.FirstTensor(index));
    std::vector<at::Tensor> inputs;
    for (const int source : layer.inputs) inputs.push_back(Read(source));
    const at::Tensor& input = inputs.front();
    switch (layer.kind) {
      case LayerKind::kConv:
        return Convolve(layer, input, tensors);
      case LayerKind::kLinear:
        return at::conv2d(input, tensors[0].unsqueeze(2).unsqueeze(3),
                          tensors[1]);
      case LayerKind::kBatchNorm:
        return at::batch_norm(input, tensors[0], tensors[1], tensors[2],
                              tensors[3], batch_statistics_, layer.momentum,
                              layer.epsilon, /*cudnn_enabled=*/true);
      case LayerKind::kLayerNorm:
        return NormOfChannels(layer, input, tensors[0], tensors[1]);
      case LayerKind::kScale:
        return at::mul(input, tensors[0]);
      case LayerKind::kPrependToken:
        return WithToken(tensors[0], input);
      case LayerKind::kPositions:
        return WithPositions(tensors[0], input);
      default:
        return IsActivation(layer.kind) ? Activated(layer.kind, input)
                                        : OutputOf(layer, inputs);
    }
  }

  static at::Tensor Convolve(const Layer& layer, at::Tensor input,
                             std::span<const at::Tensor> tensors) {
    int padding = layer.padding;
    if (layer.same_padding) {
      const auto zeros = SamePadding(layer, input.sizes());
      if (std::ranges::count(zeros, zeros[0]) == 4)
        padding = static_cast<int>(zeros[0]);
      else
        input = at::constant_pad_nd(input, zeros);
    }
    return at::conv2d(input, tensors[0], layer.bias ? tensors[1] : at::Tensor(),
                      layer.stride, padding, 1, layer.groups);
  }

  const TrainableNetwork& network_;
  const at::Tensor& input_;
  const std::span<const at::Tensor> tensors_;
  const bool batch_statistics_;
  std::vector<at::Tensor> outputs_;
};

TrainableNetwork::TrainableNetwork(Backbone backbone, int edge, int last)
    : backbone_(std::move(backbone)),
      edge_(edge),
      last_(last),
      is_read_(backbone_.layers.size(), false),
      first_tensor_(backbone_.layers.size(), 0) {
  for (int i = edge_ + 1; i <= last_; ++i) {
    const auto index = static_cast<std::size_t>(i);
    first_tensor_[index] = parameters_.size();
    for (Parameter& parameter : ParametersOf(At(i)))
      parameters_.push_back(std::move(parameter));
    for (const int source : At(i).inputs)
      if (source != Layer::kImage)
        is_read_[static_cast<std::size_t>(source)] = true;
  }
  if (last_ != Layer::kImage) is_read_[static_cast<std::size_t>(last_)] = true;
}

at::Tensor TrainableNetwork::Forward(const at::Tensor& input,
                                     std::span<const at::Tensor> tensors,
                                     BatchNormMode mode, bool training) const {
  return Pass(*this, input, tensors, mode, training).Run();
}

}  // namespace besom::stages
