#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stages/metric/decision.h"
#include "stages/metric/group_bootstrap.h"
#include "stages/metric/interval.h"
#include "stages/metric/scored_set.h"

namespace besom::stages {

/// A row of the `metrics` view without what it is about (trial, set, ...).
struct ScoreRow {
  std::string name;
  std::optional<std::string> cls;  ///< None = overall.
  std::optional<double> value;     ///< None = not defined on this set.
  /// None for counts (support, predicted_classes), and for a bootstrap that
  /// was not asked for.
  std::optional<Interval> interval;
};

/// All figures of a set (SetScorer's rows) with their intervals:
/// - accuracy, top_K, and per class recall, precision, specificity, npv:
///   GroupProportionInterval over the groups with images in the denominator;
/// - roc_auc per class: "obuchowski", or "delong" where every group of the set
///   holds one image, on the logit scale;
/// - all others: "bootstrap_bca" over groups. By simulation (30 and 100 groups
///   of 1, 3, 10 images) F1, balanced accuracy, kappa, mcc, losses and mean
///   areas are covered in 92 to 97 %; ece is not: in small sets the estimate
///   itself lies above the truth, and at 30 images its interval covers 52 %.
/// Where every group holds one image these are the intervals of independent
/// images ("wilson", "delong"); WithImagesAsGroups asks for them by name. The
/// level and the draws' seed are the options'. A function of its arguments
/// alone; any thread.
std::vector<ScoreRow> ScoreSet(const std::vector<std::string>& classes,
                               const ScoredSet& set,
                               const BootstrapOptions& options,
                               const Decision& decision = {});

}  // namespace besom::stages
