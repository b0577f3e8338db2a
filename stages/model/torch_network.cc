#include "stages/model/torch_network.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <cmath>

#include "pipeline/base/check.h"

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

/// A linear layer is run as a convolution of single positions.
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
      return {1, std::max(layer.tokens, 1), 1, layer.out_channels};
    default:
      return {1, layer.out_channels, 1, 1};
  }
}

void Activate(LayerKind activation, at::Tensor& output) {
  switch (activation) {
    case LayerKind::kRelu:
      output.relu_();
      return;
    case LayerKind::kRelu6:
      output.clamp_(0, 6);
      return;
    case LayerKind::kSigmoid:
      output.sigmoid_();
      return;
    case LayerKind::kHardSigmoid:
      at::hardsigmoid_(output);
      return;
    case LayerKind::kHardSwish:
      at::hardswish_(output);
      return;
    case LayerKind::kSilu:
      at::silu_(output);
      return;
    case LayerKind::kGelu:
      at::gelu_(output);
      return;
    default:
      BESOM_CHECK(false, "an activation without an operator");
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

/// Of a map: (batch, rows, columns, channels), as it lies in memory.
at::Tensor ChannelsLast(const at::Tensor& map) {
  return map.permute({0, 2, 3, 1}).contiguous();
}

at::Tensor ChannelsFirst(const at::Tensor& map) {
  return map.permute({0, 3, 1, 2});
}

at::Tensor PrependToken(const at::Tensor& token, const at::Tensor& map) {
  const at::Tensor last = ChannelsLast(map);
  const std::int64_t images = last.size(0), channels = last.size(3);
  return ChannelsFirst(at::cat({token.expand({images, 1, 1, channels}),
                                last.view({images, -1, 1, channels})},
                               1));
}

at::Tensor PatchTokens(const at::Tensor& tokens) {
  const std::int64_t count = tokens.size(2) - 1;
  const auto side = std::lround(std::sqrt(count));
  return tokens.narrow(2, 1, count)
      .reshape({tokens.size(0), tokens.size(1), side, side});
}

at::Tensor Attend(const Layer& layer, const at::Tensor& map) {
  const std::int64_t images = map.size(0), tokens = map.size(2);
  const std::int64_t width = layer.out_channels / layer.heads;
  // To (query, key, value; image, head, token, number).
  const std::vector<at::Tensor> parts =
      ChannelsLast(map)
          .view({images, tokens, 3, layer.heads, width})
          .permute({2, 0, 3, 1, 4})
          .unbind();
  const at::Tensor attended =
      at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
  return ChannelsFirst(attended.transpose(1, 2).reshape(
      {images, tokens, 1, layer.out_channels}));
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
  const Layer& layer = step.layer;
  const at::Tensor& input = inputs[0];
  switch (layer.kind) {
    case LayerKind::kLayerNorm:
      return ChannelsFirst(at::layer_norm(ChannelsLast(input),
                                          {layer.out_channels}, step.weight,
                                          step.bias, layer.epsilon));
    case LayerKind::kScale:
      return at::addcmul(step.bias, input, step.weight);
    case LayerKind::kMaxPool:
      return at::max_pool2d(input, layer.kernel, layer.stride, step.padding);
    case LayerKind::kAveragePool:
      return at::avg_pool2d(input, layer.kernel, layer.stride);
    case LayerKind::kGlobalAverage:
      return at::mean(input, {2, 3}, /*keepdim=*/true);
    case LayerKind::kAdd:
      return at::add(input, inputs[1]);
    case LayerKind::kMultiply:
      return at::mul(input, inputs[1]);
    case LayerKind::kConcat:
      return at::cat(inputs, 1);
    case LayerKind::kPrependToken:
      return PrependToken(step.weight, input);
    case LayerKind::kPositions:
      return at::add(input, ChannelsFirst(step.weight));
    case LayerKind::kAttention:
      return Attend(layer, input);
    case LayerKind::kClassToken:
      return input.narrow(2, 0, 1);
    case LayerKind::kPatchTokens:
      return PatchTokens(input);
    default:
      BESOM_CHECK(IsActivation(layer.kind), "folding leaves no other kind");
      return input.clone();  // Others read it, too.
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
