#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stages/metric/scored_set.h"

namespace besom::stages {

/// A row of the `curves` view; rows of one class and kind are in the order of
/// the curve.
struct CurvePoint {
  std::optional<std::string> cls;  ///< None = of the predicted class.
  std::string kind;                ///< "roc", "pr" or "calibration".
  double x = 0, y = 0;
  /// Images with at least this probability are called positive; none at a
  /// start of which there is no image, and for calibration.
  std::optional<double> threshold;
};

/// Curves of each class against the rest, class by class, from the highest
/// threshold to the lowest, then the calibration of the predicted class:
/// - roc: x = 1 - specificity, y = recall, from (0, 0); points between two of
///   equal step are left out (scikit-learn's roc_curve, as by default);
/// - pr: x = recall, y = precision, from (0, 1); of points with one recall the
///   first and the last are kept (precision_recall_curve, drop_intermediate);
/// - calibration: x = mean probability, y = share that is of the class, of
///   each bin with images (calibration.h).
/// A class without support, or without images of other classes for roc, has
/// no such curve; an empty set has none at all. Any thread.
std::vector<CurvePoint> CurvesOf(const std::vector<std::string>& classes,
                                 const ScoredSet& set);

}  // namespace besom::stages
