#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace besom::stages {

/// What a layer does to its input, a map of channels, rows and columns. The
/// words in brackets are the last parts of its parameters' names.
enum class LayerKind {
  kConv,       ///< Convolution [weight, and bias where `bias`].
  kLinear,     ///< The same product at every position [weight, bias].
  kBatchNorm,  ///< [weight, bias, running_mean, running_var]
  kLayerNorm,  ///< Over the channels of each position [weight, bias].
  kScale,      ///< Channels times numbers; its parameter is `name` itself.
  // max(x, 0), and min(max(x, 0), 6).
  kRelu,
  kRelu6,
  kSigmoid,
  kHardSigmoid,  ///< relu6(x + 3) / 6 (arXiv 1905.02244, section 5.2).
  kHardSwish,    ///< x relu6(x + 3) / 6 (the same).
  kSilu,         ///< x sigmoid(x) (arXiv 1702.03118).
  kGelu,         ///< x times the normal distribution at x (arXiv 1606.08415).
  kMaxPool,
  kAveragePool,    ///< Without padding.
  kGlobalAverage,  ///< Mean over the map: 1 x 1.
  kAdd,            ///< The sum of two maps.
  kMultiply,       ///< A map times a 1 x 1 map: squeeze-and-excitation.
  kConcat,         ///< The channels of its inputs, one after the other.
  // Tokens are a map of one column, a token a row.
  kPrependToken,  ///< Positions, row by row, after a token that is `name`.
  kPositions,     ///< Adds to every token its own vector, `name`.
  kAttention,     ///< Of queries, keys and values, a third of the channels each
                  ///< (arXiv 1706.03762, section 3.2).
  kClassToken,    ///< The first token, as a 1 x 1 map.
  kPatchTokens,   ///< All but the first, as a square map.
};

/// One layer of a backbone, as data: the LibTorch module, other engines'
/// graphs, the parameters' names and the documents are all made from it.
struct Layer {
  LayerKind kind = LayerKind::kConv;
  /// Its module in torchvision's or timm's state dict ("features.0",
  /// "blocks.1.0.bn1"); empty for layers without parameters. After one that
  /// ends in "_" parameters' names go on without a dot ("in_proj_").
  std::string name;
  /// Indices of the layers that it reads; kImage = the network's input. Two
  /// for kAdd and kMultiply, any number for kConcat, else one. Always smaller
  /// than its own index.
  std::vector<int> inputs;
  int in_channels = 0;  ///< Of its first input.
  int out_channels = 0;
  int kernel = 1;
  int stride = 1;
  int padding = 0;  ///< Zeros on each side, when not `same`.
  /// TensorFlow's "SAME": as many zeros as make the output ceil(in / stride),
  /// the odd one at the bottom and right.
  bool same_padding = false;
  int groups = 1;
  bool bias = false;
  double epsilon = 0;     ///< kBatchNorm, kLayerNorm.
  double momentum = 0.1;  ///< Share of a batch in the running statistics.
  int tokens = 0;         ///< kPositions: how many there must be.
  int heads = 0;          ///< kAttention.

  static constexpr int kImage = -1;
};

/// One tensor of the state dict.
struct Parameter {
  std::string name;
  std::vector<std::int64_t> shape;
  bool operator==(const Parameter&) const = default;
};

/// In the order in which LayerKind names them. Shapes are PyTorch's: a
/// convolution's weight is (out, in / groups, kernel, kernel), a linear one's
/// (out, in), a scale (channels, 1, 1), tokens (1, tokens, channels).
std::vector<Parameter> ParametersOf(const Layer& layer);

/// Whether it is a function of each number by itself.
bool IsActivation(LayerKind kind);

}  // namespace besom::stages
