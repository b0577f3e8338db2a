#include <fmt/format.h>

#include "stages/model/backbone_builder.h"
#include "stages/model/backbone_families.h"

namespace besom::stages {
namespace {

/// torchvision counts ReLU and pooling in `features` as well.
std::string NextName(const BackboneBuilder& builder) {
  return fmt::format("features.{}", builder.last() + 1);
}

}  // namespace

Backbone DescribeVgg(const std::string& name,
                     const std::array<int, 5>& convolutions, bool norm) {
  constexpr std::array<int, 5> kChannels = {64, 128, 256, 512, 512};
  BackboneBuilder builder(name, "torchvision", 224,
                          Preprocessing::Torchvision());
  for (std::size_t block = 0; block < convolutions.size(); ++block) {
    for (int i = 0; i < convolutions[block]; ++i) {
      builder.Add({.kind = LayerKind::kConv,
                   .name = NextName(builder),
                   .kernel = 3,
                   .padding = 1,
                   .bias = true},
                  kChannels[block]);
      if (norm)
        builder.Add({.kind = LayerKind::kBatchNorm,
                     .name = NextName(builder),
                     .epsilon = 1e-5});
      builder.Add({.kind = LayerKind::kRelu});
    }
    builder.Add({.kind = LayerKind::kMaxPool, .kernel = 2, .stride = 2});
    builder.EndBlock(fmt::format("block{}", block + 1));
  }
  return builder.Take();
}

}  // namespace besom::stages
