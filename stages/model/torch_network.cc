#include "stages/model/torch_network.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

using Activation = FoldedLayer::Activation;
using Sides = std::vector<std::int64_t>;

/// oneDNN's convolution with the activation inside, as LibTorch's compiler
/// (inductor) calls it; not part of the ATen headers.
using FusedConvolution = at::Tensor(const at::Tensor&, const at::Tensor&,
                                    const std::optional<at::Tensor>&,
                                    at::IntArrayRef, at::IntArrayRef,
                                    at::IntArrayRef, std::int64_t,
                                    c10::string_view,
                                    c10::List<std::optional<at::Scalar>>,
                                    std::optional<c10::string_view>);
using ReorderWeight = at::Tensor(const at::Tensor&, at::IntArrayRef,
                                 at::IntArrayRef, at::IntArrayRef, std::int64_t,
                                 at::OptionalIntArrayRef);

template <typename Signature>
const c10::TypedOperatorHandle<Signature>& Operator(const char* name) {
  static const auto handle = c10::Dispatcher::singleton()
                                 .findSchemaOrThrow(name, "")
                                 .template typed<Signature>();
  return handle;
}

at::Tensor ToTensor(const std::vector<float>& numbers, Sides shape) {
  // Copied, so that the folded network need not outlive the tensor.
  return at::from_blob(const_cast<float*>(numbers.data()), shape,
                       at::TensorOptions().dtype(at::kFloat))
      .clone();
}

Sides WeightShape(const Layer& layer) {
  return {layer.out_channels, layer.in_channels / layer.groups, layer.kernel,
          layer.kernel};
}

void Activate(Activation activation, at::Tensor& output) {
  if (activation == Activation::kRelu) output.relu_();
  if (activation == Activation::kRelu6) output.clamp_(0, 6);
}

}  // namespace

TorchNetwork::TorchNetwork(const FoldedNetwork& network, at::IntArrayRef input,
                           at::Device device)
    : packed_(device.is_cpu() && at::globalContext().hasMKLDNN()),
      device_(device),
      outputs_(network.outputs) {
  const int count = static_cast<int>(network.layers.size());
  last_reader_.assign(network.layers.size(), count);
  for (int i = 0; i < count; ++i)
    for (const int source :
         network.layers[static_cast<std::size_t>(i)].layer.inputs)
      if (source != Layer::kImage)
        last_reader_[static_cast<std::size_t>(source)] = i;
  for (const int output : outputs_)
    if (output != Layer::kImage)
      last_reader_[static_cast<std::size_t>(output)] = count;
  // The weights' layout may depend on the map's size, so one pass of zeros
  // through the steps finds the sizes while it makes them.
  std::vector<at::Tensor> outputs;
  const at::Tensor image =
      at::zeros(input, at::TensorOptions().dtype(at::kFloat).device(device))
          .contiguous(at::MemoryFormat::ChannelsLast);
  for (const FoldedLayer& folded : network.layers) {
    const int source = folded.layer.inputs.front();
    const at::Tensor& map = source == Layer::kImage
                                ? image
                                : outputs[static_cast<std::size_t>(source)];
    steps_.push_back(MakeStep(folded, map.sizes()));
    outputs.push_back(Run(steps_.back(), outputs, image));
  }
}

TorchNetwork::Step TorchNetwork::MakeStep(const FoldedLayer& folded,
                                          at::IntArrayRef input) {
  const Layer& layer = folded.layer;
  Step step{.layer = layer,
            .activation = folded.activation,
            .padding = layer.padding};
  Sides sides(input.begin(), input.end());
  if (layer.same_padding) {
    const auto zeros = [&](std::int64_t side) {
      const std::int64_t out = (side + layer.stride - 1) / layer.stride;
      return std::max<std::int64_t>(
          (out - 1) * layer.stride + layer.kernel - side, 0);
    };
    const std::int64_t rows = zeros(sides[2]), columns = zeros(sides[3]);
    if (rows == columns && rows % 2 == 0) {
      step.padding = static_cast<int>(rows / 2);
    } else {
      step.outer_padding = {columns / 2, columns - columns / 2, rows / 2,
                            rows - rows / 2};
      sides[2] += rows;
      sides[3] += columns;
    }
  }
  if (layer.kind != LayerKind::kConv) return step;
  step.weight = ToTensor(folded.weight, WeightShape(layer)).to(device_);
  step.bias = ToTensor(folded.bias, {layer.out_channels}).to(device_);
  const Sides padding(2, step.padding), stride(2, layer.stride), one(2, 1);
  step.weight =
      packed_ ? Operator<ReorderWeight>("mkldnn::_reorder_convolution_weight")
                    .call(step.weight, padding, stride, one, layer.groups,
                          at::IntArrayRef(sides))
              : step.weight.contiguous(at::MemoryFormat::ChannelsLast);
  return step;
}

at::Tensor TorchNetwork::Convolve(const Step& step,
                                  const at::Tensor& input) const {
  const Layer& layer = step.layer;
  const Sides padding(2, step.padding), stride(2, layer.stride), one(2, 1);
  if (!packed_) {
    at::Tensor output = at::conv2d(input, step.weight, step.bias, stride,
                                   padding, one, layer.groups);
    Activate(step.activation, output);
    return output;
  }
  c10::List<std::optional<at::Scalar>> bounds;
  const char* name = "none";
  if (step.activation == Activation::kRelu) name = "relu";
  if (step.activation == Activation::kRelu6) {
    name = "hardtanh";
    bounds.push_back(at::Scalar(0.0));
    bounds.push_back(at::Scalar(6.0));
  }
  return Operator<FusedConvolution>("mkldnn::_convolution_pointwise")
      .call(input, step.weight, step.bias, padding, stride, one, layer.groups,
            name, bounds, "");
}

at::Tensor TorchNetwork::Run(const Step& step,
                             const std::vector<at::Tensor>& outputs,
                             const at::Tensor& image) const {
  const auto read = [&](std::size_t i) {
    const int source = step.layer.inputs[i];
    return source == Layer::kImage ? image
                                   : outputs[static_cast<std::size_t>(source)];
  };
  at::Tensor input = read(0);
  if (!step.outer_padding.empty())
    input = at::constant_pad_nd(input, step.outer_padding);
  const Layer& layer = step.layer;
  if (layer.kind == LayerKind::kConv) return Convolve(step, input);
  at::Tensor output;
  if (layer.kind == LayerKind::kMaxPool) {
    output = at::max_pool2d(input, layer.kernel, layer.stride, step.padding);
  } else {
    BESOM_CHECK(layer.kind == LayerKind::kAdd, "folding leaves no other kind");
    output = at::add(input, read(1));
  }
  Activate(step.activation, output);
  return output;
}

std::vector<at::Tensor> TorchNetwork::Forward(const at::Tensor& input) const {
  std::vector<at::Tensor> outputs;
  outputs.reserve(steps_.size());
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    outputs.push_back(Run(steps_[i], outputs, input));
    for (const int source : steps_[i].layer.inputs)
      if (source != Layer::kImage &&
          last_reader_[static_cast<std::size_t>(source)] == static_cast<int>(i))
        outputs[static_cast<std::size_t>(source)].reset();
  }
  std::vector<at::Tensor> wanted;
  wanted.reserve(outputs_.size());
  for (const int output : outputs_)
    wanted.push_back(output == Layer::kImage
                         ? input
                         : outputs[static_cast<std::size_t>(output)]);
  return wanted;
}

}  // namespace besom::stages
