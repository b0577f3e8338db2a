#include <fmt/format.h>

#include "stages/model/backbone_builder.h"
#include "stages/model/backbone_families.h"

namespace besom::stages {
namespace {

void AddNorm(BackboneBuilder& builder, const std::string& name) {
  builder.Add({.kind = LayerKind::kLayerNorm, .name = name, .epsilon = 1e-6});
}

void AddLinear(BackboneBuilder& builder, const std::string& name,
               int channels) {
  builder.Add({.kind = LayerKind::kLinear, .name = name}, channels);
}

/// `prefix` is "encoder.layers.encoder_layer_0.".
void AddEncoderBlock(BackboneBuilder& builder, const std::string& prefix,
                     int heads) {
  const int input = builder.last();
  const int channels = builder.channels();
  AddNorm(builder, prefix + "ln_1");
  AddLinear(builder, prefix + "self_attention.in_proj_", 3 * channels);
  builder.Add({.kind = LayerKind::kAttention, .heads = heads}, channels);
  AddLinear(builder, prefix + "self_attention.out_proj", channels);
  builder.Join(LayerKind::kAdd, input);
  const int attended = builder.last();
  AddNorm(builder, prefix + "ln_2");
  AddLinear(builder, prefix + "mlp.0", 4 * channels);
  builder.Add({.kind = LayerKind::kGelu});
  AddLinear(builder, prefix + "mlp.3", channels);
  builder.Join(LayerKind::kAdd, attended);
}

}  // namespace

Backbone DescribeVit(const std::string& name, int patch, int blocks,
                     int channels, int heads) {
  constexpr int kSize = 224;
  BackboneBuilder builder(name, "torchvision", kSize,
                          Preprocessing::Torchvision());
  builder.Add({.kind = LayerKind::kConv,
               .name = "conv_proj",
               .kernel = patch,
               .stride = patch,
               .bias = true},
              channels);
  builder.Add({.kind = LayerKind::kPrependToken, .name = "class_token"});
  const int side = kSize / patch;
  builder.Add({.kind = LayerKind::kPositions,
               .name = "encoder.pos_embedding",
               .tokens = 1 + side * side});
  builder.EndTokenBlock("stem");
  for (int i = 0; i < blocks; ++i) {
    AddEncoderBlock(builder, fmt::format("encoder.layers.encoder_layer_{}.", i),
                    heads);
    builder.EndTokenBlock(fmt::format("block{}", i + 1));
  }
  // The norm treats every token by itself, so that only one is left to it.
  builder.Add({.kind = LayerKind::kClassToken});
  AddNorm(builder, "encoder.ln");
  builder.EndBlock("head");
  return builder.Take();
}

}  // namespace besom::stages
