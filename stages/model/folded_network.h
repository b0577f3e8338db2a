#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/safetensors.h"

namespace besom::stages {

/// Gives the numbers of a parameter of that name and shape.
using ParameterSource =
    std::function<Result<std::vector<float>>(const Parameter&)>;

/// The tensors of a file; it stays mapped as long as the source lives.
ParameterSource ParametersOfFile(Safetensors file);

/// Fresh weights as torchvision initialises VGG and ResNet: convolutions
/// normal with variance 2 / (outputs * kernel area) (He and others, arXiv
/// 1502.01852, fan-out form), biases 0, batch norms the identity. Each
/// tensor's draws depend on seed, backbone and the tensor's name alone.
ParameterSource RandomParameters(std::uint64_t seed, std::string backbone);

/// A layer with batch norm folded in and its activation attached.
struct FoldedLayer {
  enum class Activation { kNone, kRelu, kRelu6 };

  /// kConv, kMaxPool or kAdd; `inputs` are indices of folded layers.
  Layer layer;
  Activation activation = Activation::kNone;
  std::vector<float> weight;  ///< kConv: out, in / groups, row, column.
  std::vector<float> bias;    ///< kConv: one per output channel.
  /// What each output channel is expected to be on average, as the batch
  /// norms remember their training; empty where that is not known.
  std::vector<double> mean;
  /// The same of its deviation; only before an activation.
  std::vector<double> deviation;
};

/// The frozen base as an engine runs it. Its output is the last layer's.
struct FoldedNetwork {
  std::vector<FoldedLayer> layers;
  /// Which of them holds each layer of the backbone.
  std::vector<int> folded_index;
};

/// Folds layers 0 ... `last_layer` in double precision: fewer passes over
/// memory, the same function up to rounding. Errors are the source's.
Result<FoldedNetwork> FoldNetwork(const Backbone& backbone, int last_layer,
                                  const ParameterSource& source);

/// Takes the layers from `first` on off `network`: a network of its own, whose
/// image is the output that stays behind. REQUIRES: 0 < first < the number of
/// layers, and they read nothing before that output.
FoldedNetwork SplitOff(FoldedNetwork& network, std::size_t first);

}  // namespace besom::stages
