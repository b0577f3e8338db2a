#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace besom::stages {

/// How a batch is scored.
struct LossSettings {
  std::vector<double> class_weights;  ///< One per class.
  double label_smoothing = 0;
};

/// What the rows of a batch show: class indices, one per row.
struct Targets {
  std::span<const int> labels;

  /// Those of `count` rows from row `first` on.
  Targets Rows(std::size_t first, std::size_t count) const;
};

/// The divisor of a batch's mean: the sum of its labels' class weights.
double TotalWeight(const Targets& targets, const LossSettings& settings);

/// The part of `targets` in the cross-entropy of a batch as
/// torch.nn.CrossEntropyLoss(weight, label_smoothing) averages it, and its
/// gradient by the logits into `deltas` (rows x padded, padding 0).
/// `total_weight` is the whole batch's; `logits` is rows x padded. Sums run in
/// double in the order of rows. Its exp and log are the C library's: the one
/// part of a fit whose last bits may differ between instruction-set classes
/// (they are in the numerics tag). Any thread; no state.
double BatchLoss(std::span<const float> logits, const Targets& targets,
                 int padded, const LossSettings& settings, double total_weight,
                 std::span<float> deltas);

}  // namespace besom::stages
