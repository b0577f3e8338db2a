#include <fmt/format.h>

#include "stages/model/backbone_builder.h"
#include "stages/model/backbone_families.h"

namespace besom::stages {
namespace {

struct Unit {
  std::string prefix;  ///< "layer1.0."
  int width = 0;       ///< Channels of its 3x3 convolutions.
  int stride = 1;
  bool bottleneck = false;

  int channels() const { return bottleneck ? 4 * width : width; }
};

void AddResidual(BackboneBuilder& builder, const Unit& unit) {
  const auto add = [&](int number, ConvNorm what) {
    builder.AddConvNorm(fmt::format("{}conv{}", unit.prefix, number),
                        fmt::format("{}bn{}", unit.prefix, number), what);
  };
  constexpr LayerKind kRelu = LayerKind::kRelu;
  if (unit.bottleneck) {
    add(1, {.channels = unit.width, .activation = kRelu});
    add(2, {.channels = unit.width,
            .kernel = 3,
            .stride = unit.stride,
            .activation = kRelu});
    add(3, {.channels = unit.channels()});
  } else {
    add(1, {.channels = unit.width,
            .kernel = 3,
            .stride = unit.stride,
            .activation = kRelu});
    add(2, {.channels = unit.width, .kernel = 3});
  }
}

void AddUnit(BackboneBuilder& builder, const Unit& unit) {
  const int input = builder.last();
  const bool same_shape =
      unit.stride == 1 && builder.channels() == unit.channels();
  AddResidual(builder, unit);
  const int residual = builder.last();
  builder.GoTo(input);
  if (!same_shape)
    builder.AddConvNorm(unit.prefix + "downsample.0",
                        unit.prefix + "downsample.1",
                        {.channels = unit.channels(), .stride = unit.stride});
  const int shortcut = builder.last();
  builder.GoTo(residual);
  builder.Join(LayerKind::kAdd, shortcut);
  builder.Add({.kind = LayerKind::kRelu});
}

}  // namespace

Backbone DescribeResNet(const std::string& name,
                        const std::array<int, 4>& units, bool bottleneck) {
  BackboneBuilder builder(name, "torchvision", 224,
                          Preprocessing::Torchvision());
  builder.AddConvNorm("conv1", "bn1",
                      {.channels = 64,
                       .kernel = 7,
                       .stride = 2,
                       .activation = LayerKind::kRelu});
  builder.Add(
      {.kind = LayerKind::kMaxPool, .kernel = 3, .stride = 2, .padding = 1});
  builder.EndBlock("stem");
  for (int layer = 1; layer <= 4; ++layer) {
    const int count = units[static_cast<std::size_t>(layer - 1)];
    for (int i = 0; i < count; ++i)
      AddUnit(builder, {.prefix = fmt::format("layer{}.{}.", layer, i),
                        .width = 32 << layer,
                        .stride = layer > 1 && i == 0 ? 2 : 1,
                        .bottleneck = bottleneck});
    builder.EndBlock(fmt::format("layer{}", layer));
  }
  return builder.Take();
}

}  // namespace besom::stages
