#include <fmt/format.h>

#include "stages/model/backbone_builder.h"
#include "stages/model/backbone_families.h"

namespace besom::stages {
namespace {

constexpr double kEpsilon = 1e-6;  // Of all norms.

void AddNorm(BackboneBuilder& builder, const std::string& name) {
  builder.Add(
      {.kind = LayerKind::kLayerNorm, .name = name, .epsilon = kEpsilon});
}

/// A convolution with bias whose windows do not overlap.
void AddPatches(BackboneBuilder& builder, const std::string& name, int side,
                int channels) {
  builder.Add({.kind = LayerKind::kConv,
               .name = name,
               .kernel = side,
               .stride = side,
               .bias = true},
              channels);
}

/// `prefix` is "features.1.0.".
void AddUnit(BackboneBuilder& builder, const std::string& prefix) {
  const int input = builder.last();
  const int channels = builder.channels();
  builder.Add({.kind = LayerKind::kConv,
               .name = prefix + "block.0",
               .kernel = 7,
               .padding = 3,
               .groups = channels,
               .bias = true});
  AddNorm(builder, prefix + "block.2");
  builder.Add({.kind = LayerKind::kLinear, .name = prefix + "block.3"},
              4 * channels);
  builder.Add({.kind = LayerKind::kGelu});
  builder.Add({.kind = LayerKind::kLinear, .name = prefix + "block.5"},
              channels);
  builder.Add({.kind = LayerKind::kScale, .name = prefix + "layer_scale"});
  builder.Join(LayerKind::kAdd, input);
}

}  // namespace

Backbone DescribeConvNext(const std::string& name,
                          const std::array<int, 4>& units,
                          const std::array<int, 4>& channels) {
  BackboneBuilder builder(name, "torchvision", 224,
                          Preprocessing::Torchvision());
  AddPatches(builder, "features.0.0", 4, channels[0]);
  AddNorm(builder, "features.0.1");
  builder.EndBlock("stem");
  int feature = 0;
  for (std::size_t block = 0; block < units.size(); ++block) {
    if (block > 0) {
      ++feature;
      AddNorm(builder, fmt::format("features.{}.0", feature));
      AddPatches(builder, fmt::format("features.{}.1", feature), 2,
                 channels[block]);
    }
    ++feature;
    for (int i = 0; i < units[block]; ++i)
      AddUnit(builder, fmt::format("features.{}.{}.", feature, i));
    builder.EndBlock(fmt::format("block{}", block + 1));
  }
  builder.Add({.kind = LayerKind::kGlobalAverage});
  AddNorm(builder, "classifier.0");
  builder.EndBlock("head");
  return builder.Take();
}

}  // namespace besom::stages
