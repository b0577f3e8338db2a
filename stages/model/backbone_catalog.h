#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/layer.h"
#include "stages/model/preprocessing.h"

namespace besom::stages {

/// A place where the base may be cut off, or from which it may be trained.
struct Block {
  std::string name;  ///< As `model.cut` and `model.unfreeze` name it.
  /// Its output is all that later blocks read of this one and those before.
  int last_layer = 0;
  /// Its output is what a base gives that is cut off here: `last_layer`, or the
  /// next, which is a view of it (tokens as a map) that no later layer reads.
  int cut_layer = 0;
};

/// Channels, rows and columns of a layer's output.
struct MapShape {
  int channels = 0, height = 0, width = 0;
  bool operator==(const MapShape&) const = default;
};

/// The base of a network, without its classifier.
struct Backbone {
  std::string name;             ///< As torchvision names it, or timm's short.
  std::string parameter_names;  ///< "torchvision" or "timm".
  int input_size = 0;           ///< What its weights were trained at, pixels.
  /// Of weights in the usual convention, when the file does not say.
  Preprocessing preprocessing;
  std::vector<Layer> layers;
  std::vector<Block> blocks;  ///< In the order of the forward pass.
};

/// Every name that `model.backbone` takes, in the order of the documents.
const std::vector<std::string>& BackboneNames();

/// kInvalid when the name is unknown.
Result<Backbone> DescribeBackbone(std::string_view name);

/// Index of the layer whose output is the base's when it is cut off after `cut`
/// ("full" or a block). kInvalid names the blocks.
Result<int> CutLayer(const Backbone& backbone, std::string_view cut);

/// The cut before the first layer: where all of the base is trained, its frozen
/// edge is the image.
inline constexpr std::string_view kInputCut = "input";

/// Index of the layer whose map is pooled: that of the cut, or, with the
/// pooling of a frozen edge, the one that the layers after it read.
Result<int> TapLayer(const Backbone& backbone, std::string_view cut,
                     std::string_view pooling);

/// Shape of every layer's output for an image of `size` x `size` pixels.
/// kInvalid when the image is too small, or not the one size that the backbone
/// takes.
Result<std::vector<MapShape>> LayerShapes(const Backbone& backbone, int size);

/// The output of a layer, by LayerShapes of images of `size` pixels.
MapShape MapAt(const std::vector<MapShape>& shapes, int layer, int size);

/// Parameters of layers 0 ... `last_layer`, in the order of the layers.
std::vector<Parameter> ParametersOf(const Backbone& backbone, int last_layer);

/// Multiply-adds of one image through layers 0 ... `last_layer`: those of
/// convolutions, linear layers and attention; the rest does not count.
Result<std::int64_t> MultiplyAdds(const Backbone& backbone, int last_layer,
                                  int size);

/// Numbers in a feature row (see stages/model/pooling.h).
Result<int> FeatureDimension(const Backbone& backbone, std::string_view cut,
                             std::string_view pooling, int size);

}  // namespace besom::stages
