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

/// How a batch is scored.
struct LossSettings {
  std::vector<double> class_weights;  ///< One per class.
  double label_smoothing = 0;
};

/// The divisor of a batch's mean: the sum of its labels' class weights.
double TotalWeight(std::span<const int> labels, const LossSettings& settings);

/// The part of `labels` in the cross-entropy of a batch as
/// torch.nn.CrossEntropyLoss(weight, label_smoothing) averages it, and its
/// gradient by the logits into `deltas` (rows x padded, padding 0).
/// `total_weight` is the whole batch's; `logits` is rows x padded. Sums run in
/// double in the order of rows. Its exp and log are the C library's: the one
/// part of a fit whose last bits may differ between instruction-set classes
/// (they are in the numerics tag).
double CrossEntropy(std::span<const float> logits, std::span<const int> labels,
                    int padded, const LossSettings& settings,
                    double total_weight, std::span<float> deltas);

/// Zeros in the shape of `layers`: an optimiser's moments at first.
HeadWeights EmptyLike(const HeadWeights& layers);

/// The scalars of optimiser step number `step` (from 1).
OptimizerStep StepScalars(const TrainSettings& settings, std::int64_t step);

}  // namespace besom::stages
