#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/preprocessing.h"

namespace besom::stages {

enum class LayerKind { kConv, kBatchNorm, kRelu, kRelu6, kMaxPool, kAdd };

/// One layer of a backbone, as data: the LibTorch module, other engines'
/// graphs, the parameters' names and the documents are all made from it.
struct Layer {
  LayerKind kind = LayerKind::kConv;
  /// Prefix of its parameters in torchvision's or timm's state dict
  /// ("features.0", "blocks.1.0.bn1"); empty for layers without parameters.
  std::string name;
  /// Indices of the layers that it reads; kImage = the network's input. Two
  /// for kAdd, else one. Always smaller than its own index.
  std::vector<int> inputs;
  int in_channels = 0;
  int out_channels = 0;
  int kernel = 1;
  int stride = 1;
  int padding = 0;  ///< Zeros on each side, when not `same`.
  /// TensorFlow's "SAME": as many zeros as make the output ceil(in / stride),
  /// the odd one at the bottom and right.
  bool same_padding = false;
  int groups = 1;
  bool bias = false;
  double epsilon = 0;  ///< kBatchNorm.

  static constexpr int kImage = -1;
};

/// A place where the base may be cut off, or from which it may be trained.
struct Block {
  std::string name;    ///< As `model.cut` and `model.unfreeze` name it.
  int last_layer = 0;  ///< Its output is the block's.
};

/// Channels, rows and columns of a layer's output.
struct MapShape {
  int channels = 0, height = 0, width = 0;
  bool operator==(const MapShape&) const = default;
};

/// One tensor of the state dict; batch norms list weight, bias, running_mean
/// and running_var.
struct Parameter {
  std::string name;
  std::vector<std::int64_t> shape;
  bool operator==(const Parameter&) const = default;
};

/// The convolutional base of a network, without its classifier.
struct Backbone {
  std::string name;             ///< As torchvision names it, or timm's short.
  std::string parameter_names;  ///< "torchvision" or "timm".
  int input_size = 0;           ///< What its weights were trained at, pixels.
  /// Of weights in the usual convention, when the file does not say.
  Preprocessing preprocessing;
  std::vector<Layer> layers;
  std::vector<Block> blocks;  ///< In the order of the forward pass.
};

/// A name that `model.backbone` documents.
struct BackboneName {
  std::string name;
  bool built = false;  ///< False: refused with a word, never ignored.
};

/// Every documented name, built or not, in the order of the documents.
const std::vector<BackboneName>& BackboneNames();

/// kInvalid when the name is unknown (with the nearest one) or not built yet.
Result<Backbone> DescribeBackbone(std::string_view name);

/// Index of the last layer of the base when it is cut after `cut` ("full" or
/// a block). kInvalid names the blocks.
Result<int> CutLayer(const Backbone& backbone, std::string_view cut);

/// The cut before the first layer: where all of the base is trained, its frozen
/// edge is the image.
inline constexpr std::string_view kInputCut = "input";

/// Index of the layer whose map is pooled: that of the cut, or, with the
/// pooling of a frozen edge, the one that the layers after it read.
Result<int> TapLayer(const Backbone& backbone, std::string_view cut,
                     std::string_view pooling);

/// Shape of every layer's output for an image of `size` x `size` pixels.
/// kInvalid when the image is too small.
Result<std::vector<MapShape>> LayerShapes(const Backbone& backbone, int size);

/// The output of a layer, by LayerShapes of images of `size` pixels.
MapShape MapAt(const std::vector<MapShape>& shapes, int layer, int size);

/// Parameters of layers 0 ... `last_layer`, in the order of the layers.
std::vector<Parameter> ParametersOf(const Backbone& backbone, int last_layer);

/// Multiply-adds of one image through layers 0 ... `last_layer`
/// (convolutions only; the rest does not count).
Result<std::int64_t> MultiplyAdds(const Backbone& backbone, int last_layer,
                                  int size);

/// Numbers in a feature row (see stages/model/pooling.h).
Result<int> FeatureDimension(const Backbone& backbone, std::string_view cut,
                             std::string_view pooling, int size);

}  // namespace besom::stages
