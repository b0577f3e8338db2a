#include "stages/model/backbone_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "stages/model/backbone_builder.h"
#include "stages/model/pooling.h"

namespace besom::stages {
namespace {

std::string BuiltNames() {
  std::string names;
  for (const BackboneName& entry : BackboneNames()) {
    if (!entry.built) continue;
    if (!names.empty()) names += ", ";
    names += entry.name;
  }
  return names;
}

/// Rows (or columns) of the output of a window layer; not positive when the
/// input is too small.
int OutputSide(const Layer& layer, int side) {
  if (layer.same_padding) return (side + layer.stride - 1) / layer.stride;
  return (side + 2 * layer.padding - layer.kernel + layer.stride) /
         layer.stride;
}

MapShape OutputShape(const Layer& layer, const MapShape& input) {
  switch (layer.kind) {
    case LayerKind::kConv:
    case LayerKind::kMaxPool:
      return {layer.out_channels, OutputSide(layer, input.height),
              OutputSide(layer, input.width)};
    case LayerKind::kBatchNorm:
    case LayerKind::kRelu:
    case LayerKind::kRelu6:
    case LayerKind::kAdd:
      return input;
  }
  BESOM_CHECK(false, "a layer kind without a shape");
}

void AppendParameters(const Layer& layer, std::vector<Parameter>& parameters) {
  if (layer.kind == LayerKind::kConv) {
    parameters.push_back({layer.name + ".weight",
                          {layer.out_channels, layer.in_channels / layer.groups,
                           layer.kernel, layer.kernel}});
    if (layer.bias)
      parameters.push_back({layer.name + ".bias", {layer.out_channels}});
  } else if (layer.kind == LayerKind::kBatchNorm) {
    for (const char* part : {"weight", "bias", "running_mean", "running_var"})
      parameters.push_back({layer.name + "." + part, {layer.out_channels}});
  }
}

}  // namespace

const std::vector<BackboneName>& BackboneNames() {
  static const std::vector<BackboneName> names = {{"vgg11"},
                                                  {"vgg13"},
                                                  {"vgg16", true},
                                                  {"vgg19"},
                                                  {"vgg11_bn"},
                                                  {"vgg13_bn"},
                                                  {"vgg16_bn"},
                                                  {"vgg19_bn"},
                                                  {"resnet18"},
                                                  {"resnet34"},
                                                  {"resnet50"},
                                                  {"resnet101"},
                                                  {"densenet121"},
                                                  {"mobilenet_v2"},
                                                  {"mobilenet_v3_large"},
                                                  {"efficientnet_lite0", true},
                                                  {"efficientnet_lite1"},
                                                  {"efficientnet_lite2"},
                                                  {"efficientnet_b0"},
                                                  {"convnext_tiny"},
                                                  {"vit_b_16"}};
  return names;
}

Result<Backbone> DescribeBackbone(std::string_view name) {
  if (name == "vgg16") return DescribeVgg16();
  if (name == "efficientnet_lite0") return DescribeEfficientNetLite0();
  const auto& names = BackboneNames();
  const bool documented = std::any_of(
      names.begin(), names.end(),
      [&](const BackboneName& entry) { return entry.name == name; });
  return InvalidError("model.backbone",
                      documented
                          ? fmt::format("{} is not built yet", name)
                          : fmt::format("there is no backbone named {}", name),
                      fmt::format("built are: {}", BuiltNames()));
}

Result<int> CutLayer(const Backbone& backbone, std::string_view cut) {
  if (cut == "full") return static_cast<int>(backbone.layers.size()) - 1;
  std::string names = "full";
  for (const Block& block : backbone.blocks) {
    if (block.name == cut) return block.last_layer;
    names += ", " + block.name;
  }
  return InvalidError(
      "model.cut", fmt::format("{} has no block named {}", backbone.name, cut),
      fmt::format("use one of: {}", names));
}

Result<int> TapLayer(const Backbone& backbone, std::string_view cut,
                     std::string_view pooling) {
  if (pooling == kEdgePooling && cut == kInputCut) return Layer::kImage;
  return CutLayer(backbone, cut);
}

MapShape MapAt(const std::vector<MapShape>& shapes, int layer, int size) {
  if (layer == Layer::kImage) return {3, size, size};
  return shapes[static_cast<std::size_t>(layer)];
}

Result<std::vector<MapShape>> LayerShapes(const Backbone& backbone, int size) {
  std::vector<MapShape> shapes;
  shapes.reserve(backbone.layers.size());
  for (const Layer& layer : backbone.layers) {
    const int source = layer.inputs.front();
    const MapShape input = source == Layer::kImage
                               ? MapShape{3, size, size}
                               : shapes[static_cast<std::size_t>(source)];
    const MapShape output = OutputShape(layer, input);
    if (size < 1 || output.height < 1 || output.width < 1)
      return InvalidError(
          "ingest.image_size",
          fmt::format("{} pixels are too few for {}", size, backbone.name),
          fmt::format("its weights were trained at {}", backbone.input_size));
    shapes.push_back(output);
  }
  return shapes;
}

std::vector<Parameter> ParametersOf(const Backbone& backbone, int last_layer) {
  std::vector<Parameter> parameters;
  for (int i = 0; i <= last_layer; ++i)
    AppendParameters(backbone.layers[static_cast<std::size_t>(i)], parameters);
  return parameters;
}

Result<std::int64_t> MultiplyAdds(const Backbone& backbone, int last_layer,
                                  int size) {
  BESOM_ASSIGN_OR_RETURN(const auto shapes, LayerShapes(backbone, size));
  std::int64_t total = 0;
  for (int i = 0; i <= last_layer; ++i) {
    const Layer& layer = backbone.layers[static_cast<std::size_t>(i)];
    if (layer.kind != LayerKind::kConv) continue;
    const MapShape& out = shapes[static_cast<std::size_t>(i)];
    total += std::int64_t{out.height} * out.width * layer.out_channels *
             (layer.in_channels / layer.groups) * layer.kernel * layer.kernel;
  }
  return total;
}

Result<int> FeatureDimension(const Backbone& backbone, std::string_view cut,
                             std::string_view pooling, int size) {
  BESOM_ASSIGN_OR_RETURN(const int last, TapLayer(backbone, cut, pooling));
  BESOM_ASSIGN_OR_RETURN(const Pooling kind, ParsePooling(pooling));
  BESOM_ASSIGN_OR_RETURN(const auto shapes, LayerShapes(backbone, size));
  return PooledDimension(kind, MapAt(shapes, last, size));
}

}  // namespace besom::stages
