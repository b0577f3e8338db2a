#include "stages/model/inverted_residual.h"

#include <fmt/format.h>

#include <algorithm>

namespace besom::stages {
namespace {

void AddSqueezeExcitation(BackboneBuilder& builder, const std::string& prefix,
                          const InvertedResidual& block) {
  const int map = builder.last();
  builder.Add({.kind = LayerKind::kGlobalAverage});
  builder.Add({.kind = LayerKind::kConv, .name = prefix + ".fc1", .bias = true},
              block.squeeze);
  builder.Add({.kind = block.squeeze_activation});
  builder.Add({.kind = LayerKind::kConv, .name = prefix + ".fc2", .bias = true},
              block.wide);
  builder.Add({.kind = block.gate});
  const int gate = builder.last();
  builder.GoTo(map);
  builder.Join(LayerKind::kMultiply, gate);
}

}  // namespace

void AddInvertedResidual(BackboneBuilder& builder, const std::string& prefix,
                         const InvertedResidual& block) {
  const int input = builder.last();
  const int in_channels = builder.channels();
  int number = 0;
  const auto next = [&] { return fmt::format("{}.{}", prefix, number++); };
  const auto add = [&](ConvNorm what) {
    what.epsilon = block.epsilon;
    what.momentum = block.momentum;
    const std::string module = next();
    builder.AddConvNorm(module + ".0", module + ".1", what);
  };
  if (block.wide != in_channels)
    add({.channels = block.wide, .activation = block.activation});
  add({.channels = block.wide,
       .kernel = block.kernel,
       .stride = block.stride,
       .activation = block.activation,
       .depthwise = true});
  if (block.squeeze > 0) AddSqueezeExcitation(builder, next(), block);
  if (block.flat_projection) {
    const std::string conv = next(), norm = next();
    builder.AddConvNorm(conv, norm,
                        {.channels = block.channels,
                         .epsilon = block.epsilon,
                         .momentum = block.momentum});
  } else {
    add({.channels = block.channels});
  }
  if (block.stride == 1 && in_channels == block.channels)
    builder.Join(LayerKind::kAdd, input);
}

int RoundedChannels(double channels) {
  const int rounded = std::max(8, static_cast<int>(channels + 4) / 8 * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

}  // namespace besom::stages
