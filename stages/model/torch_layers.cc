#include "stages/model/torch_layers.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

/// Of a map: (images, rows, columns, channels), as it lies in memory.
at::Tensor ChannelsLast(const at::Tensor& map) {
  return map.permute({0, 2, 3, 1}).contiguous();
}

at::Tensor ChannelsFirst(const at::Tensor& map) {
  return map.permute({0, 3, 1, 2});
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

std::vector<std::int64_t> SamePadding(const Layer& layer,
                                      at::IntArrayRef input) {
  const auto zeros = [&](std::int64_t side) {
    const std::int64_t out = (side + layer.stride - 1) / layer.stride;
    return std::max<std::int64_t>(
        (out - 1) * layer.stride + layer.kernel - side, 0);
  };
  const std::int64_t rows = zeros(input[2]), columns = zeros(input[3]);
  return {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2};
}

at::Tensor Activated(LayerKind activation, const at::Tensor& map) {
  switch (activation) {
    case LayerKind::kRelu:
      return at::relu(map);
    case LayerKind::kRelu6:
      return at::clamp(map, 0, 6);
    case LayerKind::kSigmoid:
      return at::sigmoid(map);
    case LayerKind::kHardSigmoid:
      return at::hardsigmoid(map);
    case LayerKind::kHardSwish:
      return at::hardswish(map);
    case LayerKind::kSilu:
      return at::silu(map);
    case LayerKind::kGelu:
      return at::gelu(map);
    default:
      BESOM_CHECK(false, "an activation without an operator");
  }
}

void Activate(LayerKind activation, at::Tensor& map) {
  switch (activation) {
    case LayerKind::kRelu:
      map.relu_();
      return;
    case LayerKind::kRelu6:
      map.clamp_(0, 6);
      return;
    case LayerKind::kSigmoid:
      map.sigmoid_();
      return;
    case LayerKind::kHardSigmoid:
      at::hardsigmoid_(map);
      return;
    case LayerKind::kHardSwish:
      at::hardswish_(map);
      return;
    case LayerKind::kSilu:
      at::silu_(map);
      return;
    case LayerKind::kGelu:
      at::gelu_(map);
      return;
    default:
      BESOM_CHECK(false, "an activation without an operator");
  }
}

at::Tensor NormOfChannels(const Layer& layer, const at::Tensor& map,
                          const at::Tensor& weight, const at::Tensor& bias) {
  return ChannelsFirst(at::layer_norm(ChannelsLast(map), {layer.out_channels},
                                      weight, bias, layer.epsilon));
}

at::Tensor WithToken(const at::Tensor& token, const at::Tensor& map) {
  const at::Tensor last = ChannelsLast(map);
  const std::int64_t images = last.size(0), channels = last.size(3);
  return ChannelsFirst(
      at::cat({token.unsqueeze(2).expand({images, 1, 1, channels}),
               last.view({images, -1, 1, channels})},
              1));
}

at::Tensor WithPositions(const at::Tensor& positions, const at::Tensor& map) {
  return at::add(map, ChannelsFirst(positions.unsqueeze(2)));
}

at::Tensor OutputOf(const Layer& layer, std::span<const at::Tensor> inputs) {
  const at::Tensor& input = inputs[0];
  switch (layer.kind) {
    case LayerKind::kMaxPool:
      return at::max_pool2d(input, layer.kernel, layer.stride, layer.padding);
    case LayerKind::kAveragePool:
      return at::avg_pool2d(input, layer.kernel, layer.stride);
    case LayerKind::kGlobalAverage:
      return at::mean(input, {2, 3}, /*keepdim=*/true);
    case LayerKind::kAdd:
      return at::add(input, inputs[1]);
    case LayerKind::kMultiply:
      return at::mul(input, inputs[1]);
    case LayerKind::kConcat:
      return at::cat(std::vector<at::Tensor>(inputs.begin(), inputs.end()), 1);
    case LayerKind::kAttention:
      return Attend(layer, input);
    case LayerKind::kClassToken:
      return input.narrow(2, 0, 1);
    case LayerKind::kPatchTokens:
      return PatchTokens(input);
    default:
      BESOM_CHECK(false, "a layer kind without a function");
  }
}

}  // namespace besom::stages
