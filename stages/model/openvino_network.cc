#include "stages/model/openvino_network.h"

#include <cmath>
#include <openvino/op/add.hpp>
#include <openvino/op/avg_pool.hpp>
#include <openvino/op/broadcast.hpp>
#include <openvino/op/clamp.hpp>
#include <openvino/op/concat.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/gelu.hpp>
#include <openvino/op/group_conv.hpp>
#include <openvino/op/hsigmoid.hpp>
#include <openvino/op/hswish.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/max_pool.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/mvn.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/reduce_mean.hpp>
#include <openvino/op/relu.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/result.hpp>
#include <openvino/op/scaled_dot_product_attention.hpp>
#include <openvino/op/sigmoid.hpp>
#include <openvino/op/slice.hpp>
#include <openvino/op/split.hpp>
#include <openvino/op/squeeze.hpp>
#include <openvino/op/swish.hpp>
#include <openvino/op/transpose.hpp>
#include <vector>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

using Node = ov::Output<ov::Node>;

Node Floats(const ov::Shape& shape, const std::vector<float>& numbers) {
  return ov::op::v0::Constant::create(ov::element::f32, shape, numbers);
}

Node Integers(const std::vector<int>& numbers) {
  return ov::op::v0::Constant::create(ov::element::i32, {numbers.size()},
                                      numbers);
}

Node Transpose(const Node& input, const std::vector<int>& order) {
  return std::make_shared<ov::op::v1::Transpose>(input, Integers(order));
}

/// 0 keeps a side, -1 takes what is left.
Node Reshape(const Node& input, const std::vector<int>& shape) {
  return std::make_shared<ov::op::v1::Reshape>(input, Integers(shape), true);
}

/// What windows of `layer` need to know, as OpenVINO takes it.
struct Window {
  explicit Window(const Layer& layer)
      : side(static_cast<std::size_t>(layer.kernel)),
        strides(2, static_cast<std::size_t>(layer.stride)),
        zeros(2, layer.padding),
        pad_type(layer.same_padding ? ov::op::PadType::SAME_UPPER
                                    : ov::op::PadType::EXPLICIT) {}
  std::size_t side;
  ov::Strides strides;
  ov::CoordinateDiff zeros;
  ov::op::PadType pad_type;
};

Node Convolve(const FoldedLayer& folded, const Node& input) {
  const Layer& layer = folded.layer;
  const Window window(layer);
  const ov::Strides one(2, 1);
  const auto out = static_cast<std::size_t>(layer.out_channels);
  const auto in = static_cast<std::size_t>(layer.in_channels);
  const auto groups = static_cast<std::size_t>(layer.groups);
  Node output;
  if (groups == 1)
    output = std::make_shared<ov::op::v1::Convolution>(
        input, Floats({out, in, window.side, window.side}, folded.weight),
        window.strides, window.zeros, window.zeros, one, window.pad_type);
  else
    output = std::make_shared<ov::op::v1::GroupConvolution>(
        input,
        Floats({groups, out / groups, in / groups, window.side, window.side},
               folded.weight),
        window.strides, window.zeros, window.zeros, one, window.pad_type);
  return std::make_shared<ov::op::v1::Add>(output,
                                           Floats({1, out, 1, 1}, folded.bias));
}

Node MaxPool(const Layer& layer, const Node& input) {
  const Window window(layer);
  const ov::Shape zeros(2, static_cast<std::size_t>(layer.padding));
  return std::make_shared<ov::op::v1::MaxPool>(
      input, window.strides, zeros, zeros, ov::Shape(2, window.side),
      ov::op::RoundingType::FLOOR, window.pad_type);
}

Node AveragePool(const Layer& layer, const Node& input) {
  const Window window(layer);
  const ov::Shape zeros(2, 0);
  return std::make_shared<ov::op::v1::AvgPool>(
      input, window.strides, zeros, zeros, ov::Shape(2, window.side), true,
      ov::op::RoundingType::FLOOR);
}

Node Activate(LayerKind activation, const Node& input) {
  switch (activation) {
    case LayerKind::kRelu:
      return std::make_shared<ov::op::v0::Relu>(input);
    case LayerKind::kRelu6:
      return std::make_shared<ov::op::v0::Clamp>(input, 0, 6);
    case LayerKind::kSigmoid:
      return std::make_shared<ov::op::v0::Sigmoid>(input);
    case LayerKind::kHardSigmoid:
      return std::make_shared<ov::op::v5::HSigmoid>(input);
    case LayerKind::kHardSwish:
      return std::make_shared<ov::op::v4::HSwish>(input);
    case LayerKind::kSilu:
      return std::make_shared<ov::op::v4::Swish>(input);
    case LayerKind::kGelu:
      return std::make_shared<ov::op::v7::Gelu>(input);
    default:
      BESOM_CHECK(false, "an activation without a node");
  }
}

/// A map, (batch, channels, rows, columns) or with the channels last: as the
/// layer that made it wants it.
struct Map {
  Node node;
  bool channels_last = false;

  Node ChannelsFirst() const {
    return channels_last ? Transpose(node, {0, 3, 1, 2}) : node;
  }
  Node ChannelsLast() const {
    return channels_last ? node : Transpose(node, {0, 2, 3, 1});
  }
  Node As(const Map& other) const {
    return other.channels_last ? ChannelsLast() : ChannelsFirst();
  }
  std::size_t ChannelAxis() const { return channels_last ? 3 : 1; }
};

/// Numbers of the channels, to be added to `map` or multiplied with it.
Node OfChannels(const Map& map, const std::vector<float>& numbers) {
  ov::Shape shape(4, 1);
  shape[map.ChannelAxis()] = numbers.size();
  return Floats(shape, numbers);
}

Map ScaleAndShift(const FoldedLayer& folded, const Map& input) {
  const Node scaled = std::make_shared<ov::op::v1::Multiply>(
      input.node, OfChannels(input, folded.weight));
  return {
      std::make_shared<ov::op::v1::Add>(scaled, OfChannels(input, folded.bias)),
      input.channels_last};
}

Map Linear(const FoldedLayer& folded, const Map& input) {
  const Layer& layer = folded.layer;
  const Map product = {std::make_shared<ov::op::v0::MatMul>(
                           input.ChannelsLast(),
                           Floats({static_cast<std::size_t>(layer.out_channels),
                                   static_cast<std::size_t>(layer.in_channels)},
                                  folded.weight),
                           false, true),
                       true};
  return {std::make_shared<ov::op::v1::Add>(product.node,
                                            OfChannels(product, folded.bias)),
          true};
}

Map LayerNorm(const FoldedLayer& folded, const Map& input) {
  const Node norm = std::make_shared<ov::op::v6::MVN>(
      input.ChannelsLast(), Integers({3}), true,
      static_cast<float>(folded.layer.epsilon),
      ov::op::MVNEpsMode::INSIDE_SQRT);
  return ScaleAndShift(folded, {norm, true});
}

Map GlobalAverage(const Map& input) {
  const Node axes = Integers(input.channels_last ? std::vector<int>{1, 2}
                                                 : std::vector<int>{2, 3});
  return {std::make_shared<ov::op::v1::ReduceMean>(input.node, axes, true),
          input.channels_last};
}

Map Concat(const std::vector<Map>& inputs) {
  ov::OutputVector nodes;
  for (const Map& input : inputs) nodes.push_back(input.As(inputs.front()));
  return {std::make_shared<ov::op::v0::Concat>(
              nodes, static_cast<int>(inputs.front().ChannelAxis())),
          inputs.front().channels_last};
}

Map PrependToken(const FoldedLayer& folded, const Map& input) {
  const ov::Shape shape = input.ChannelsLast().get_shape();
  const int channels = folded.layer.out_channels;
  const Node tokens = Reshape(input.ChannelsLast(), {0, -1, 1, channels});
  const Node token = std::make_shared<ov::op::v3::Broadcast>(
      Floats({1, 1, 1, shape[3]}, folded.weight),
      Integers({static_cast<int>(shape[0]), 1, 1, channels}));
  return {
      std::make_shared<ov::op::v0::Concat>(ov::OutputVector{token, tokens}, 1),
      true};
}

Map AddPositions(const FoldedLayer& folded, const Map& input) {
  const auto tokens = static_cast<std::size_t>(folded.layer.tokens);
  return {
      std::make_shared<ov::op::v1::Add>(
          input.ChannelsLast(),
          Floats({1, tokens, 1, folded.weight.size() / tokens}, folded.weight)),
      true};
}

/// Tokens `first` ... `end` - 1.
Node Tokens(const Map& input, int first, int end) {
  return std::make_shared<ov::op::v8::Slice>(input.ChannelsLast(),
                                             Integers({first}), Integers({end}),
                                             Integers({1}), Integers({1}));
}

Map PatchTokens(const Layer& layer, const Map& input) {
  const auto count = static_cast<int>(input.ChannelsLast().get_shape()[1]);
  const int side = static_cast<int>(std::lround(std::sqrt(count - 1)));
  return {Reshape(Tokens(input, 1, count), {0, side, side, layer.out_channels}),
          true};
}

Map Attend(const Layer& layer, const Map& input) {
  const int width = layer.out_channels / layer.heads;
  // To (query, key, value; image, head, token, number).
  const Node heads =
      Transpose(Reshape(input.ChannelsLast(), {0, 0, 3, layer.heads, width}),
                {2, 0, 3, 1, 4});
  const auto parts = std::make_shared<ov::op::v1::Split>(
      heads, ov::op::v0::Constant::create(ov::element::i32, {}, {0}), 3);
  ov::OutputVector nodes;
  for (const Node& part : parts->outputs())
    nodes.push_back(std::make_shared<ov::op::v0::Squeeze>(part, Integers({0})));
  const Node attended =
      std::make_shared<ov::op::v13::ScaledDotProductAttention>(nodes, false);
  return {
      Reshape(Transpose(attended, {0, 2, 1, 3}), {0, 0, 1, layer.out_channels}),
      true};
}

Map Run(const FoldedLayer& folded, const std::vector<Map>& inputs) {
  const Layer& layer = folded.layer;
  const Map& input = inputs.front();
  switch (layer.kind) {
    case LayerKind::kConv:
      return {Convolve(folded, input.ChannelsFirst())};
    case LayerKind::kLinear:
      return Linear(folded, input);
    case LayerKind::kLayerNorm:
      return LayerNorm(folded, input);
    case LayerKind::kScale:
      return ScaleAndShift(folded, input);
    case LayerKind::kMaxPool:
      return {MaxPool(layer, input.ChannelsFirst())};
    case LayerKind::kAveragePool:
      return {AveragePool(layer, input.ChannelsFirst())};
    case LayerKind::kGlobalAverage:
      return GlobalAverage(input);
    case LayerKind::kAdd:
      return {
          std::make_shared<ov::op::v1::Add>(input.node, inputs[1].As(input)),
          input.channels_last};
    case LayerKind::kMultiply:
      return {std::make_shared<ov::op::v1::Multiply>(input.node,
                                                     inputs[1].As(input)),
              input.channels_last};
    case LayerKind::kConcat:
      return Concat(inputs);
    case LayerKind::kPrependToken:
      return PrependToken(folded, input);
    case LayerKind::kPositions:
      return AddPositions(folded, input);
    case LayerKind::kAttention:
      return Attend(layer, input);
    case LayerKind::kClassToken:
      return {Tokens(input, 0, 1), true};
    case LayerKind::kPatchTokens:
      return PatchTokens(layer, input);
    default:
      BESOM_CHECK(IsActivation(layer.kind), "folding leaves no other kind");
      return input;
  }
}

}  // namespace

std::shared_ptr<ov::Model> BuildOpenVinoModel(const FoldedNetwork& network,
                                              int batch,
                                              const MapShape& input) {
  const auto image = std::make_shared<ov::op::v0::Parameter>(
      ov::element::f32, ov::Shape{static_cast<std::size_t>(batch),
                                  static_cast<std::size_t>(input.height),
                                  static_cast<std::size_t>(input.width),
                                  static_cast<std::size_t>(input.channels)});
  const Map first = {image, true};
  std::vector<Map> outputs;
  for (const FoldedLayer& folded : network.layers) {
    std::vector<Map> inputs;
    for (const int source : folded.layer.inputs)
      inputs.push_back(source == Layer::kImage
                           ? first
                           : outputs[static_cast<std::size_t>(source)]);
    Map output = Run(folded, inputs);
    if (folded.activation.has_value())
      output.node = Activate(*folded.activation, output.node);
    outputs.push_back(output);
  }
  ov::ResultVector results;
  for (const int output : network.outputs)
    results.push_back(std::make_shared<ov::op::v0::Result>(
        (output == Layer::kImage ? first
                                 : outputs[static_cast<std::size_t>(output)])
            .ChannelsLast()));
  return std::make_shared<ov::Model>(results, ov::ParameterVector{image});
}

}  // namespace besom::stages
