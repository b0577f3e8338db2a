#include "stages/model/backbone_catalog.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <functional>

#include "stages/model/backbone_families.h"
#include "stages/model/pooling.h"

namespace besom::stages {
namespace {

struct Entry {
  std::string name;
  std::function<Backbone(const std::string& name)> describe;
};

Entry Vgg(const char* name, const std::array<int, 5>& convolutions, bool norm) {
  return {name, [=](const std::string& as) {
            return DescribeVgg(as, convolutions, norm);
          }};
}

Entry ResNet(const char* name, const std::array<int, 4>& units,
             bool bottleneck) {
  return {name, [=](const std::string& as) {
            return DescribeResNet(as, units, bottleneck);
          }};
}

/// `input_size` is that of timm's default configuration.
Entry Lite(const char* name, double width, double depth, int input_size) {
  return {name, [=](const std::string& as) {
            return DescribeEfficientNetLite(as, width, depth, input_size);
          }};
}

const std::vector<Entry>& Catalog() {
  static const std::vector<Entry> catalog = {
      Vgg("vgg11", {1, 1, 2, 2, 2}, false),
      Vgg("vgg13", {2, 2, 2, 2, 2}, false),
      Vgg("vgg16", {2, 2, 3, 3, 3}, false),
      Vgg("vgg19", {2, 2, 4, 4, 4}, false),
      Vgg("vgg11_bn", {1, 1, 2, 2, 2}, true),
      Vgg("vgg13_bn", {2, 2, 2, 2, 2}, true),
      Vgg("vgg16_bn", {2, 2, 3, 3, 3}, true),
      Vgg("vgg19_bn", {2, 2, 4, 4, 4}, true),
      ResNet("resnet18", {2, 2, 2, 2}, false),
      ResNet("resnet34", {3, 4, 6, 3}, false),
      ResNet("resnet50", {3, 4, 6, 3}, true),
      ResNet("resnet101", {3, 4, 23, 3}, true),
      {"densenet121",
       [](const std::string& as) {
         return DescribeDenseNet(as, {6, 12, 24, 16});
       }},
      {"mobilenet_v2",
       [](const std::string&) { return DescribeMobileNetV2(); }},
      {"mobilenet_v3_large",
       [](const std::string&) { return DescribeMobileNetV3Large(); }},
      Lite("efficientnet_lite0", 1.0, 1.0, 224),
      Lite("efficientnet_lite1", 1.0, 1.1, 240),
      Lite("efficientnet_lite2", 1.1, 1.2, 260),
      {"efficientnet_b0",
       [](const std::string&) { return DescribeEfficientNetB0(); }},
      {"convnext_tiny",
       [](const std::string& as) {
         return DescribeConvNext(as, {3, 3, 9, 3}, {96, 192, 384, 768});
       }},
      {"vit_b_16",
       [](const std::string& as) { return DescribeVit(as, 16, 12, 768, 12); }}};
  return catalog;
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
    case LayerKind::kAveragePool:
      return {layer.out_channels, OutputSide(layer, input.height),
              OutputSide(layer, input.width)};
    case LayerKind::kGlobalAverage:
    case LayerKind::kClassToken:
      return {layer.out_channels, 1, 1};
    case LayerKind::kPrependToken:
      return {layer.out_channels, 1 + input.height * input.width, 1};
    case LayerKind::kPatchTokens: {
      const int side = static_cast<int>(std::lround(std::sqrt(input.height)));
      return {layer.out_channels, side, side};
    }
    default:
      return {layer.out_channels, input.height, input.width};
  }
}

Status CheckShape(const Backbone& backbone, const Layer& layer,
                  const MapShape& shape, int size) {
  if (size < 1 || shape.height < 1 || shape.width < 1)
    return InvalidError(
        "ingest.image_size",
        fmt::format("{} pixels are too few for {}", size, backbone.name),
        fmt::format("its weights were trained at {}", backbone.input_size));
  if (layer.kind == LayerKind::kPositions && size != backbone.input_size)
    return InvalidError("ingest.image_size",
                        fmt::format("{} takes images of {} pixels only, not {}",
                                    backbone.name, backbone.input_size, size),
                        fmt::format("use {}, or auto", backbone.input_size));
  return Status::Ok();
}

std::int64_t MultiplyAddsOf(const Layer& layer, const MapShape& shape) {
  const std::int64_t positions = std::int64_t{shape.height} * shape.width;
  switch (layer.kind) {
    case LayerKind::kConv:
      return positions * layer.out_channels *
             (layer.in_channels / layer.groups) * layer.kernel * layer.kernel;
    case LayerKind::kLinear:
      return positions * layer.out_channels * layer.in_channels;
    case LayerKind::kAttention:  // Queries by keys, and weights by values.
      return 2 * positions * positions * layer.out_channels;
    default:
      return 0;
  }
}

}  // namespace

const std::vector<std::string>& BackboneNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Entry& entry : Catalog()) all.push_back(entry.name);
    return all;
  }();
  return names;
}

Result<Backbone> DescribeBackbone(std::string_view name) {
  for (const Entry& entry : Catalog())
    if (entry.name == name) return entry.describe(entry.name);
  return InvalidError(
      "model.backbone", fmt::format("there is no backbone named {}", name),
      fmt::format("use one of: {}", fmt::join(BackboneNames(), ", ")));
}

Result<int> CutLayer(const Backbone& backbone, std::string_view cut) {
  if (cut == "full") return static_cast<int>(backbone.layers.size()) - 1;
  std::string names = "full";
  for (const Block& block : backbone.blocks) {
    if (block.name == cut) return block.cut_layer;
    names += ", " + block.name;
  }
  return InvalidError(
      "model.cut", fmt::format("{} has no block named {}", backbone.name, cut),
      fmt::format("use one of: {}", names));
}

Result<int> TapLayer(const Backbone& backbone, std::string_view cut,
                     std::string_view pooling) {
  if (pooling == kEdgePooling) {
    if (cut == kInputCut) return Layer::kImage;
    for (const Block& block : backbone.blocks)
      if (block.name == cut) return block.last_layer;
  }
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
    BESOM_RETURN_IF_ERROR(CheckShape(backbone, layer, output, size));
    shapes.push_back(output);
  }
  return shapes;
}

std::vector<Parameter> ParametersOf(const Backbone& backbone, int last_layer) {
  std::vector<Parameter> parameters;
  for (int i = 0; i <= last_layer; ++i)
    for (Parameter& parameter :
         ParametersOf(backbone.layers[static_cast<std::size_t>(i)]))
      parameters.push_back(std::move(parameter));
  return parameters;
}

Result<std::int64_t> MultiplyAdds(const Backbone& backbone, int last_layer,
                                  int size) {
  BESOM_ASSIGN_OR_RETURN(const auto shapes, LayerShapes(backbone, size));
  std::int64_t total = 0;
  for (int i = 0; i <= last_layer; ++i) {
    const auto index = static_cast<std::size_t>(i);
    total += MultiplyAddsOf(backbone.layers[index], shapes[index]);
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
