#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stages/model/backbone_catalog.h"

namespace besom::stages {

/// A convolution without bias, its batch norm and, where wanted, what follows.
struct ConvNorm {
  int channels = 0;
  int kernel = 1;
  int stride = 1;
  std::optional<LayerKind> activation;
  bool depthwise = false;
  bool same_padding = false;  ///< Else (kernel - 1) / 2 on each side.
  double epsilon = 1e-5;      ///< PyTorch's, of batch norms.
  double momentum = 0.1;
};

/// Describes a backbone layer by layer. A layer reads the last one, unless
/// told otherwise.
class BackboneBuilder {
 public:
  BackboneBuilder(std::string name, std::string parameter_names, int input_size,
                  const Preprocessing& preprocessing);

  /// The layer that the next one reads; Layer::kImage before the first.
  int last() const { return last_; }
  /// Channels of last().
  int channels() const;
  /// Makes the next layer read `layer`.
  void GoTo(int layer) { last_ = layer; }

  /// Appends `layer`; fills in its input and channels.
  void Add(Layer layer, int out_channels);
  void Add(Layer layer) { Add(std::move(layer), channels()); }
  /// Appends a layer that reads last() and `other`.
  void Join(LayerKind kind, int other);
  /// Puts the channels of `layers` behind one another.
  void Concat(std::vector<int> layers);
  void AddConvNorm(const std::string& conv, const std::string& norm,
                   const ConvNorm& what);

  /// Ends a block at last().
  void EndBlock(std::string name);
  /// Ends a block of tokens: cut off there, it gives the map of patches.
  void EndTokenBlock(std::string name);

  Backbone Take() { return std::move(backbone_); }

 private:
  const Layer& At(int layer) const;

  Backbone backbone_;
  int last_ = Layer::kImage;
};

}  // namespace besom::stages
