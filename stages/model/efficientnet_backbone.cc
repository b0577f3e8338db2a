#include <fmt/format.h>

#include <cmath>

#include "stages/model/backbone_builder.h"
#include "stages/model/backbone_families.h"
#include "stages/model/inverted_residual.h"

namespace besom::stages {
namespace {

/// A row of EfficientNet's table: `repeats` inverted residual blocks.
struct Stage {
  int expansion, channels, repeats, kernel, stride;
};

constexpr std::array<Stage, 7> kStages = {{{1, 16, 1, 3, 1},
                                           {6, 24, 2, 3, 2},
                                           {6, 40, 2, 5, 2},
                                           {6, 80, 3, 3, 2},
                                           {6, 112, 3, 5, 1},
                                           {6, 192, 4, 5, 2},
                                           {6, 320, 1, 3, 1}}};

/// As timm's `tf_` models have them.
ConvNorm Lite(ConvNorm what) {
  what.same_padding = true;
  what.epsilon = 1e-3;
  return what;
}

void AddLiteBlock(BackboneBuilder& builder, const std::string& prefix,
                  const Stage& stage, int stride) {
  constexpr LayerKind kRelu6 = LayerKind::kRelu6;
  const int input = builder.last();
  const int in_channels = builder.channels();
  const int wide = in_channels * stage.expansion;
  int norm = 0;
  const auto add = [&](const char* conv, const ConvNorm& what) {
    builder.AddConvNorm(prefix + conv, fmt::format("{}bn{}", prefix, ++norm),
                        Lite(what));
  };
  // Without expansion the block is a depthwise separable convolution.
  const bool expands = stage.expansion != 1;
  if (expands) add("conv_pw", {.channels = wide, .activation = kRelu6});
  add("conv_dw", {.channels = wide,
                  .kernel = stage.kernel,
                  .stride = stride,
                  .activation = kRelu6,
                  .depthwise = true});
  add(expands ? "conv_pwl" : "conv_pw", {.channels = stage.channels});
  if (stride == 1 && in_channels == stage.channels)
    builder.Join(LayerKind::kAdd, input);
}

}  // namespace

Backbone DescribeEfficientNetB0() {
  constexpr LayerKind kSilu = LayerKind::kSilu;
  BackboneBuilder builder("efficientnet_b0", "torchvision", 224,
                          Preprocessing::Torchvision());
  builder.AddConvNorm(
      "features.0.0", "features.0.1",
      {.channels = 32, .kernel = 3, .stride = 2, .activation = kSilu});
  builder.EndBlock("stem");
  for (std::size_t i = 0; i < kStages.size(); ++i) {
    const Stage& stage = kStages[i];
    for (int repeat = 0; repeat < stage.repeats; ++repeat)
      AddInvertedResidual(builder,
                          fmt::format("features.{}.{}.block", i + 1, repeat),
                          {.wide = builder.channels() * stage.expansion,
                           .channels = stage.channels,
                           .kernel = stage.kernel,
                           .stride = repeat == 0 ? stage.stride : 1,
                           .activation = kSilu,
                           // Of the block's input, not of its wide map.
                           .squeeze = builder.channels() / 4,
                           .squeeze_activation = kSilu,
                           .gate = LayerKind::kSigmoid});
    builder.EndBlock(fmt::format("block{}", i + 1));
  }
  builder.AddConvNorm("features.8.0", "features.8.1",
                      {.channels = 1280, .activation = kSilu});
  builder.EndBlock("head");
  return builder.Take();
}

Backbone DescribeEfficientNetLite(const std::string& name, double width,
                                  double depth, int input_size) {
  BackboneBuilder builder(name, "timm", input_size,
                          Preprocessing::PlusMinusOne());
  builder.AddConvNorm("conv_stem", "bn1",
                      Lite({.channels = 32,
                            .kernel = 3,
                            .stride = 2,
                            .activation = LayerKind::kRelu6}));
  builder.EndBlock("stem");
  for (std::size_t i = 0; i < kStages.size(); ++i) {
    Stage stage = kStages[i];
    stage.channels = RoundedChannels(stage.channels * width);
    if (i > 0 && i + 1 < kStages.size())
      stage.repeats = static_cast<int>(std::ceil(stage.repeats * depth));
    for (int repeat = 0; repeat < stage.repeats; ++repeat)
      AddLiteBlock(builder, fmt::format("blocks.{}.{}.", i, repeat), stage,
                   repeat == 0 ? stage.stride : 1);
    builder.EndBlock(fmt::format("block{}", i + 1));
  }
  builder.AddConvNorm(
      "conv_head", "bn2",
      Lite({.channels = 1280, .activation = LayerKind::kRelu6}));
  builder.EndBlock("head");
  return builder.Take();
}

}  // namespace besom::stages
