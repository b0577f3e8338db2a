#include "stages/model/torch_network.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>

#include "pipeline/base/check.h"
#include "stages/model/torch_layers.h"

namespace besom::stages {
namespace {

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

bool IsProduct(const Layer& layer) {
  return layer.kind == LayerKind::kConv || layer.kind == LayerKind::kLinear;
}

/// Of its numbers. A linear layer is run as a convolution of single positions.
Sides WeightShape(const Layer& layer) {
  switch (layer.kind) {
    case LayerKind::kConv:
    case LayerKind::kLinear:
      return {layer.out_channels, layer.in_channels / layer.groups,
              layer.kernel, layer.kernel};
    case LayerKind::kLayerNorm:
      return {layer.out_channels};
    case LayerKind::kPositions:
    case LayerKind::kPrependToken:
      return {1, std::max(layer.tokens, 1), layer.out_channels};
    default:
      return {1, layer.out_channels, 1, 1};
  }
}

/// An activation as oneDNN's convolutions take it: a name and its numbers.
struct FusedActivation {
  explicit FusedActivation(std::optional<LayerKind> activation) {
    if (!activation.has_value()) return;
    switch (*activation) {
      case LayerKind::kRelu:
        name = "relu";
        return;
      case LayerKind::kRelu6:
        name = "hardtanh";
        numbers.push_back(at::Scalar(0.0));
        numbers.push_back(at::Scalar(6.0));
        return;
      case LayerKind::kSigmoid:
        name = "sigmoid";
        return;
      case LayerKind::kHardSigmoid:
        name = "hardsigmoid";
        return;
      case LayerKind::kHardSwish:
        name = "hardswish";
        return;
      case LayerKind::kSilu:
        name = "swish";
        return;
      case LayerKind::kGelu:
        name = "gelu";
        algorithm = "none";  // Not the approximation by tanh.
        return;
      default:
        BESOM_CHECK(false, "an activation without a name");
    }
  }

  const char* name = "none";
  const char* algorithm = "";
  c10::List<std::optional<at::Scalar>> numbers;
};

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
    const Sides zeros = SamePadding(layer, input);
    if (std::ranges::count(zeros, zeros[0]) == 4) {
      step.padding = static_cast<int>(zeros[0]);
    } else {
      step.outer_padding = zeros;
      sides[2] += zeros[2] + zeros[3];
      sides[3] += zeros[0] + zeros[1];
    }
  }
  const Sides shape = WeightShape(layer);
  if (!folded.weight.empty())
    step.weight = ToTensor(folded.weight, shape).to(device_);
  if (!folded.bias.empty())
    step.bias = ToTensor(folded.bias,
                         IsProduct(layer) ? Sides{layer.out_channels} : shape)
                    .to(device_);
  if (!IsProduct(layer)) return step;
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
    if (step.activation.has_value()) Activate(*step.activation, output);
    return output;
  }
  const FusedActivation activation(step.activation);
  return Operator<FusedConvolution>("mkldnn::_convolution_pointwise")
      .call(input, step.weight, step.bias, padding, stride, one, layer.groups,
            activation.name, activation.numbers, activation.algorithm);
}

at::Tensor TorchNetwork::Run(const Step& step,
                             const std::vector<at::Tensor>& outputs,
                             const at::Tensor& image) const {
  std::vector<at::Tensor> inputs;
  for (const int source : step.layer.inputs)
    inputs.push_back(source == Layer::kImage
                         ? image
                         : outputs[static_cast<std::size_t>(source)]);
  if (!step.outer_padding.empty())
    inputs[0] = at::constant_pad_nd(inputs[0], step.outer_padding);
  if (IsProduct(step.layer)) return Convolve(step, inputs[0]);
  at::Tensor output = Apply(step, inputs);
  if (step.activation.has_value()) Activate(*step.activation, output);
  return output;
}

at::Tensor TorchNetwork::Apply(const Step& step,
                               const std::vector<at::Tensor>& inputs) {
  const at::Tensor& input = inputs[0];
  switch (step.layer.kind) {
    case LayerKind::kLayerNorm:
      return NormOfChannels(step.layer, input, step.weight, step.bias);
    case LayerKind::kScale:
      return at::addcmul(step.bias, input, step.weight);
    case LayerKind::kPrependToken:
      return WithToken(step.weight, input);
    case LayerKind::kPositions:
      return WithPositions(step.weight, input);
    default:
      // An activation by itself: others read its input, too.
      if (IsActivation(step.layer.kind)) return input.clone();
      return OutputOf(step.layer, inputs);
  }
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
