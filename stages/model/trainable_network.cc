#include "stages/model/trainable_network.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

using Sides = std::vector<std::int64_t>;

/// Zeros at the left, right, top and bottom that make a window's output
/// ceil(side / stride): TensorFlow's "SAME".
Sides SamePadding(const Layer& layer, const at::Tensor& input) {
  const auto zeros = [&](std::int64_t side) {
    const std::int64_t out = (side + layer.stride - 1) / layer.stride;
    return std::max<std::int64_t>(
        (out - 1) * layer.stride + layer.kernel - side, 0);
  };
  const std::int64_t rows = zeros(input.size(2)),
                     columns = zeros(input.size(3));
  return {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2};
}

}  // namespace

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
      outputs_.push_back(Output(Layers()[static_cast<std::size_t>(i)]));
    return outputs_.empty() ? input_ : outputs_.back();
  }

 private:
  const std::vector<Layer>& Layers() const { return network_.backbone_.layers; }

  const at::Tensor& Read(const Layer& layer, std::size_t i = 0) const {
    const int source = layer.inputs[i];
    if (source == network_.edge_) return input_;
    BESOM_CHECK(source > network_.edge_, layer.name);
    return outputs_[static_cast<std::size_t>(source - network_.edge_ - 1)];
  }

  const at::Tensor& Tensor(const Layer& layer, const char* part) const {
    const auto found = network_.by_name_.find(layer.name + "." + part);
    BESOM_CHECK(found != network_.by_name_.end(), layer.name + "." + part);
    return tensors_[found->second];
  }

  at::Tensor Output(const Layer& layer) {
    switch (layer.kind) {
      case LayerKind::kConv:
        return Convolve(layer);
      case LayerKind::kBatchNorm:
        return at::batch_norm(
            Read(layer), Tensor(layer, "weight"), Tensor(layer, "bias"),
            Tensor(layer, "running_mean"), Tensor(layer, "running_var"),
            batch_statistics_, layer.momentum, layer.epsilon,
            /*cudnn_enabled=*/true);
      case LayerKind::kRelu:
        return at::relu(Read(layer));
      case LayerKind::kRelu6:
        return at::clamp(Read(layer), 0, 6);
      case LayerKind::kMaxPool:
        return at::max_pool2d(Read(layer), layer.kernel, layer.stride,
                              layer.padding);
      case LayerKind::kAdd:
        return at::add(Read(layer), Read(layer, 1));
      default:
        BESOM_CHECK(false, "a layer kind without a function");
    }
  }

  at::Tensor Convolve(const Layer& layer) const {
    at::Tensor input = Read(layer);
    int padding = layer.padding;
    if (layer.same_padding) {
      const Sides zeros = SamePadding(layer, input);
      if (std::ranges::count(zeros, zeros[0]) == 4)
        padding = static_cast<int>(zeros[0]);
      else
        input = at::constant_pad_nd(input, zeros);
    }
    return at::conv2d(input, Tensor(layer, "weight"),
                      layer.bias ? Tensor(layer, "bias") : at::Tensor(),
                      layer.stride, padding, 1, layer.groups);
  }

  const TrainableNetwork& network_;
  const at::Tensor& input_;
  const std::span<const at::Tensor> tensors_;
  const bool batch_statistics_;
  std::vector<at::Tensor> outputs_;
};

TrainableNetwork::TrainableNetwork(Backbone backbone, int edge, int last)
    : backbone_(std::move(backbone)), edge_(edge), last_(last) {
  const std::vector<Parameter> all = ParametersOf(backbone_, last_);
  const std::size_t frozen = ParametersOf(backbone_, edge_).size();
  parameters_.assign(all.begin() + static_cast<std::ptrdiff_t>(frozen),
                     all.end());
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    by_name_[parameters_[i].name] = i;
}

at::Tensor TrainableNetwork::Forward(const at::Tensor& input,
                                     std::span<const at::Tensor> tensors,
                                     BatchNormMode mode, bool training) const {
  return Pass(*this, input, tensors, mode, training).Run();
}

}  // namespace besom::stages
