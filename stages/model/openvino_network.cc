#include "stages/model/openvino_network.h"

#include <openvino/op/add.hpp>
#include <openvino/op/clamp.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/group_conv.hpp>
#include <openvino/op/max_pool.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/relu.hpp>
#include <openvino/op/result.hpp>
#include <openvino/op/transpose.hpp>
#include <vector>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

using Activation = FoldedLayer::Activation;
using Node = ov::Output<ov::Node>;

Node Floats(const ov::Shape& shape, const std::vector<float>& numbers) {
  return ov::op::v0::Constant::create(ov::element::f32, shape, numbers);
}

Node Transpose(const Node& input, const std::vector<int>& order) {
  return std::make_shared<ov::op::v1::Transpose>(
      input,
      ov::op::v0::Constant::create(ov::element::i32, {order.size()}, order));
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

Node Activate(Activation activation, const Node& input) {
  switch (activation) {
    case Activation::kNone:
      return input;
    case Activation::kRelu:
      return std::make_shared<ov::op::v0::Relu>(input);
    case Activation::kRelu6:
      return std::make_shared<ov::op::v0::Clamp>(input, 0, 6);
  }
  BESOM_CHECK(false, "an activation without a node");
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
  const Node first = Transpose(image, {0, 3, 1, 2});
  std::vector<Node> outputs;
  for (const FoldedLayer& folded : network.layers) {
    const Layer& layer = folded.layer;
    const auto read = [&](std::size_t i) {
      const int source = layer.inputs[i];
      return source == Layer::kImage
                 ? first
                 : outputs[static_cast<std::size_t>(source)];
    };
    Node output;
    if (layer.kind == LayerKind::kConv) {
      output = Convolve(folded, read(0));
    } else if (layer.kind == LayerKind::kMaxPool) {
      output = MaxPool(layer, read(0));
    } else {
      BESOM_CHECK(layer.kind == LayerKind::kAdd,
                  "folding leaves no other kind");
      output = std::make_shared<ov::op::v1::Add>(read(0), read(1));
    }
    outputs.push_back(Activate(folded.activation, output));
  }
  ov::ResultVector results;
  for (const int output : network.outputs)
    results.push_back(std::make_shared<ov::op::v0::Result>(Transpose(
        output == Layer::kImage ? first
                                : outputs[static_cast<std::size_t>(output)],
        {0, 2, 3, 1})));
  return std::make_shared<ov::Model>(results, ov::ParameterVector{image});
}

}  // namespace besom::stages
