#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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

/// Fresh weights: convolutions normal with variance 2 / (outputs * kernel area)
/// (He and others, arXiv 1502.01852, fan-out form), as torchvision initialises
/// VGG and ResNet; linear layers normal with variance 2 / (inputs + outputs)
/// (Glorot and Bengio, AISTATS 2010), as its ViT's; positions' vectors normal
/// with deviation 0.02, layer scales 1e-6 (arXiv 2201.03545, table 5), norms
/// the identity, biases and class tokens 0. Each tensor's draws depend on seed,
/// backbone and the tensor's name alone.
ParameterSource RandomParameters(std::uint64_t seed, std::string backbone);

/// A layer with batch norms, scales and an activation folded in.
struct FoldedLayer {
  /// Of any kind but kBatchNorm; `inputs` are indices of folded layers. An
  /// activation by itself does nothing but `activation`.
  Layer layer;
  std::optional<LayerKind> activation;  ///< Of the layer's output.
  /// kConv: out, in / groups, row, column. kLinear: out, in. Of a norm or scale
  /// the factors. kPrependToken, kPositions: token, channel. Else empty.
  std::vector<float> weight;
  /// kConv, kLinear, kLayerNorm, kScale: one per output channel. Else empty.
  std::vector<float> bias;
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
/// REQUIRES: every output is the last or the cut layer of a block.
Result<FoldedNetwork> FoldNetwork(const Backbone& backbone,
                                  std::span<const int> outputs,
                                  const ParameterSource& source);

}  // namespace besom::stages
