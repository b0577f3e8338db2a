#include <fmt/format.h>

#include "stages/model/backbone_builder.h"
#include "stages/model/backbone_families.h"
#include "stages/model/inverted_residual.h"

namespace besom::stages {
namespace {

/// Rows of the papers' tables with the same output, which are a block here.
struct StageV2 {
  int expansion, channels, repeats, stride;
};
constexpr std::array<StageV2, 7> kStagesV2 = {{{1, 16, 1, 1},
                                               {6, 24, 2, 2},
                                               {6, 32, 3, 2},
                                               {6, 64, 4, 2},
                                               {6, 96, 3, 1},
                                               {6, 160, 3, 2},
                                               {6, 320, 1, 1}}};
struct RowV3 {
  int block, kernel, wide, channels;
  bool squeeze;
  LayerKind activation;
  int stride;
};
constexpr LayerKind kRelu = LayerKind::kRelu;
constexpr LayerKind kHardSwish = LayerKind::kHardSwish;
constexpr std::array<RowV3, 15> kRowsV3 = {
    {{1, 3, 16, 16, false, kRelu, 1},
     {2, 3, 64, 24, false, kRelu, 2},
     {2, 3, 72, 24, false, kRelu, 1},
     {3, 5, 72, 40, true, kRelu, 2},
     {3, 5, 120, 40, true, kRelu, 1},
     {3, 5, 120, 40, true, kRelu, 1},
     {4, 3, 240, 80, false, kHardSwish, 2},
     {4, 3, 200, 80, false, kHardSwish, 1},
     {4, 3, 184, 80, false, kHardSwish, 1},
     {4, 3, 184, 80, false, kHardSwish, 1},
     {5, 3, 480, 112, true, kHardSwish, 1},
     {5, 3, 672, 112, true, kHardSwish, 1},
     {6, 5, 672, 160, true, kHardSwish, 2},
     {6, 5, 960, 160, true, kHardSwish, 1},
     {6, 5, 960, 160, true, kHardSwish, 1}}};

/// torchvision's for this network.
constexpr double kEpsilonV3 = 1e-3, kMomentumV3 = 0.01;

}  // namespace

Backbone DescribeMobileNetV2() {
  constexpr LayerKind kRelu6 = LayerKind::kRelu6;
  BackboneBuilder builder("mobilenet_v2", "torchvision", 224,
                          Preprocessing::Torchvision());
  builder.AddConvNorm(
      "features.0.0", "features.0.1",
      {.channels = 32, .kernel = 3, .stride = 2, .activation = kRelu6});
  builder.EndBlock("stem");
  int feature = 0;
  for (std::size_t i = 0; i < kStagesV2.size(); ++i) {
    const StageV2& stage = kStagesV2[i];
    for (int repeat = 0; repeat < stage.repeats; ++repeat)
      AddInvertedResidual(builder, fmt::format("features.{}.conv", ++feature),
                          {.wide = builder.channels() * stage.expansion,
                           .channels = stage.channels,
                           .kernel = 3,
                           .stride = repeat == 0 ? stage.stride : 1,
                           .activation = kRelu6,
                           .flat_projection = true});
    builder.EndBlock(fmt::format("block{}", i + 1));
  }
  builder.AddConvNorm("features.18.0", "features.18.1",
                      {.channels = 1280, .activation = kRelu6});
  builder.EndBlock("head");
  return builder.Take();
}

Backbone DescribeMobileNetV3Large() {
  BackboneBuilder builder("mobilenet_v3_large", "torchvision", 224,
                          Preprocessing::Torchvision());
  builder.AddConvNorm("features.0.0", "features.0.1",
                      {.channels = 16,
                       .kernel = 3,
                       .stride = 2,
                       .activation = kHardSwish,
                       .epsilon = kEpsilonV3,
                       .momentum = kMomentumV3});
  builder.EndBlock("stem");
  for (std::size_t i = 0; i < kRowsV3.size(); ++i) {
    const RowV3& row = kRowsV3[i];
    const int quarter = row.wide / 4;
    AddInvertedResidual(builder, fmt::format("features.{}.block", i + 1),
                        {.wide = row.wide,
                         .channels = row.channels,
                         .kernel = row.kernel,
                         .stride = row.stride,
                         .activation = row.activation,
                         .squeeze = row.squeeze ? RoundedChannels(quarter) : 0,
                         .squeeze_activation = kRelu,
                         .gate = LayerKind::kHardSigmoid,
                         .epsilon = kEpsilonV3,
                         .momentum = kMomentumV3});
    if (i + 1 == kRowsV3.size() || kRowsV3[i + 1].block != row.block)
      builder.EndBlock(fmt::format("block{}", row.block));
  }
  builder.AddConvNorm("features.16.0", "features.16.1",
                      {.channels = 960,
                       .activation = kHardSwish,
                       .epsilon = kEpsilonV3,
                       .momentum = kMomentumV3});
  builder.EndBlock("head");
  return builder.Take();
}

}  // namespace besom::stages
