#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "pipeline/base/result.h"
#include "stages/model/folded_network.h"

namespace besom::stages {

/// A folded network as LibTorch runs it, float32, channels last.
/// Thread safety: one thread at a time. Throws as LibTorch does.
class TorchNetwork {
 public:
  /// Copies the weights to `device`, laid out for batches of `input` (N, C, H,
  /// W), the only shape that Forward may then be given.
  TorchNetwork(const FoldedNetwork& network, at::IntArrayRef input,
               at::Device device);

  /// Returns the network's outputs (N, C, H, W; channels last in memory).
  std::vector<at::Tensor> Forward(const at::Tensor& input) const;

 private:
  struct Step {
    Layer layer;
    std::optional<LayerKind> activation;
    /// Zeros added at the left, right, top and bottom before the layer, where
    /// they are not the same on all sides.
    std::vector<std::int64_t> outer_padding;
    int padding = 0;
    at::Tensor weight, bias;
  };

  Step MakeStep(const FoldedLayer& folded, at::IntArrayRef input);
  at::Tensor Run(const Step& step, const std::vector<at::Tensor>& outputs,
                 const at::Tensor& image) const;
  at::Tensor Convolve(const Step& step, const at::Tensor& input) const;
  /// Any layer but a product, without its activation.
  static at::Tensor Apply(const Step& step,
                          const std::vector<at::Tensor>& inputs);

  bool packed_ = false;  // Weights are in oneDNN's own layout.
  at::Device device_;
  std::vector<Step> steps_;
  std::vector<int> last_reader_;  // Of each step's output.
  std::vector<int> outputs_;      // Steps.
};

}  // namespace besom::stages
