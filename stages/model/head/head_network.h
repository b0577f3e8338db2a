#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stages/model/head/head_kernels.h"
#include "stages/model/head/head_settings.h"

namespace besom::stages {

/// One fully connected layer, float32. Columns beyond `outputs` are zero.
struct HeadLayer {
  int inputs = 0;
  int outputs = 0;
  std::vector<float> weights;  ///< inputs x PaddedWidth(outputs).
  std::vector<float> bias;     ///< PaddedWidth(outputs).

  int padded() const { return PaddedWidth(outputs); }
  bool operator==(const HeadLayer&) const = default;
};

/// Its weights as torch.nn.Linear keeps them: (outputs, inputs).
std::vector<float> TorchWeights(const HeadLayer& layer);

/// FC -> ReLU -> dropout -> ... -> FC, first to last.
using HeadWeights = std::vector<HeadLayer>;

/// Who draws the initial weights and masks of a fit.
struct FitKey {
  std::uint64_t train_seed = 0;
  int repeat = 0;
  int fold = 0;
};

/// Draws initial weights, keyed by (train seed, layer, repeat, fold).
/// kTorch: torch.nn.Linear's default, U(-1/sqrt(inputs), 1/sqrt(inputs)) for
/// weights and bias. kGlorot: Keras's glorot_uniform, U(-a, a) with
/// a = sqrt(6 / (inputs + outputs)), bias 0.
HeadWeights InitialWeights(int inputs, const std::vector<int>& hidden,
                           int classes, HeadInit init, const FitKey& key);

/// Logits of `rows` (each layers[0].inputs floats), rows.size() x classes.
/// A row's logits do not depend on the other rows.
std::vector<float> HeadLogits(const HeadWeights& layers,
                              std::span<const float* const> rows,
                              const HeadKernels& kernels);

/// Zeros in the shape of `layers`: an optimiser's moments at first.
HeadWeights EmptyLike(const HeadWeights& layers);

}  // namespace besom::stages
