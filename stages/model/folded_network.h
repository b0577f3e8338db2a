#pragma once

#include <cstdint>
#include <functional>
#include <span>
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
};

/// The frozen base as an engine runs it.
struct FoldedNetwork {
  std::vector<FoldedLayer> layers;
  /// Whose outputs are wanted: folded layers, or the image.
  std::vector<int> outputs;
};

/// Folds the layers that `outputs` (layers of the backbone) need, in double
/// precision: fewer passes over memory, the same function up to rounding.
/// Nothing is folded across the end of a block, so that the numbers of an
/// output are the same whatever else is wanted. Errors are the source's.
/// REQUIRES: every output is the last layer of a block, or of all.
Result<FoldedNetwork> FoldNetwork(const Backbone& backbone,
                                  std::span<const int> outputs,
                                  const ParameterSource& source);

}  // namespace besom::stages
