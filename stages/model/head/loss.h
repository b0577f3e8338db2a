#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace besom::stages {

/// How a batch is scored.
struct LossSettings {
  std::vector<double> class_weights;  ///< One per class.
  double label_smoothing = 0;
  double focal_gamma = 0;  ///< 0 = cross-entropy.
};

/// What the rows of a batch show: class indices, one per row.
struct Targets {
  std::span<const int> labels;
  /// Where rows are mixtures, the classes of what was mixed in; else empty.
  /// REQUIRES: those of a whole batch are its labels in another order.
  std::span<const int> others;
  double share = 1;  ///< Of `labels`; the rest is of `others`.

  /// Those of `count` rows from row `first` on.
  Targets Rows(std::size_t first, std::size_t count) const;
};

/// The divisor of a batch's mean: the sum of its labels' class weights.
double TotalWeight(const Targets& targets, const LossSettings& settings);

/// The part of `targets` in the loss of a batch, and its gradient by the logits
/// into `deltas` (rows x padded, padding 0).
///
/// With p = softmax(logits), w = class_weights, K classes, s = label_smoothing
/// and g = focal_gamma, the loss of a batch is
///   sum over rows and classes c of  w_c q_c (1 - p_c)^g (-log p_c)
///   divided by TotalWeight,
///   q_c = (1 - s) (share [c = label] + (1 - share) [c = other]) + s / K.
/// Each part alone is what it is known as: torch.nn.CrossEntropyLoss(weight,
/// label_smoothing); the focal loss of Lin and others (ICCV 2017) with w as
/// alpha; the loss of mixup (Zhang and others, ICLR 2018). So class weights
/// also weigh the classes that smoothing and mixing bring in, focal modulation
/// is each class's own, and drawing images by class (train.balance) comes
/// before all of it.
///
/// `total_weight` is the whole batch's; `logits` is rows x padded. Sums run in
/// double in the order of rows. Its exp, log and pow are the C library's: the
/// one part of a fit whose last bits may differ between instruction-set classes
/// (they are in the numerics tag). Any thread; no state.
double BatchLoss(std::span<const float> logits, const Targets& targets,
                 int padded, const LossSettings& settings, double total_weight,
                 std::span<float> deltas);

}  // namespace besom::stages
