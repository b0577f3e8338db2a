#include <fmt/format.h>

#include <vector>

#include "stages/model/backbone_builder.h"
#include "stages/model/backbone_families.h"

namespace besom::stages {
namespace {

constexpr int kGrowth = 32;

/// A batch norm and ReLU in front of a convolution, instead of behind it.
void AddNormRelu(BackboneBuilder& builder, const std::string& name) {
  builder.Add({.kind = LayerKind::kBatchNorm, .name = name, .epsilon = 1e-5});
  builder.Add({.kind = LayerKind::kRelu});
}

/// Adds a layer that reads all `maps` of its block, and its output to them.
void AddDenseLayer(BackboneBuilder& builder, const std::string& prefix,
                   std::vector<int>& maps) {
  builder.Concat(maps);
  AddNormRelu(builder, prefix + "norm1");
  builder.AddConvNorm(
      prefix + "conv1", prefix + "norm2",
      {.channels = 4 * kGrowth, .activation = LayerKind::kRelu});
  builder.Add({.kind = LayerKind::kConv,
               .name = prefix + "conv2",
               .kernel = 3,
               .padding = 1},
              kGrowth);
  maps.push_back(builder.last());
}

void AddTransition(BackboneBuilder& builder, const std::string& prefix) {
  AddNormRelu(builder, prefix + "norm");
  builder.Add({.kind = LayerKind::kConv, .name = prefix + "conv"},
              builder.channels() / 2);
  builder.Add({.kind = LayerKind::kAveragePool, .kernel = 2, .stride = 2});
}

}  // namespace

Backbone DescribeDenseNet(const std::string& name,
                          const std::array<int, 4>& layers) {
  BackboneBuilder builder(name, "torchvision", 224,
                          Preprocessing::Torchvision());
  builder.AddConvNorm("features.conv0", "features.norm0",
                      {.channels = 2 * kGrowth,
                       .kernel = 7,
                       .stride = 2,
                       .activation = LayerKind::kRelu});
  builder.Add(
      {.kind = LayerKind::kMaxPool, .kernel = 3, .stride = 2, .padding = 1});
  builder.EndBlock("stem");
  for (std::size_t block = 1; block <= layers.size(); ++block) {
    std::vector<int> maps = {builder.last()};
    for (int i = 1; i <= layers[block - 1]; ++i)
      AddDenseLayer(
          builder, fmt::format("features.denseblock{}.denselayer{}.", block, i),
          maps);
    builder.Concat(maps);
    if (block < layers.size())
      AddTransition(builder, fmt::format("features.transition{}.", block));
    else
      AddNormRelu(builder, "features.norm5");
    builder.EndBlock(fmt::format("denseblock{}", block));
  }
  return builder.Take();
}

}  // namespace besom::stages
