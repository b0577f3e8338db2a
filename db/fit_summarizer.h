#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "db/result_rows.h"
#include "pipeline/base/json.h"

namespace besom::db {

/// One figure in all fits of a trial, in the order of (repeat, fold).
struct FiguresOfFits {
  std::string split, cls, name;
  struct Fit {
    std::optional<double> value, low, high;
    double images = 0;   ///< Of the set.
    double trained = 0;  ///< Images that the fit was trained on.
  };
  std::vector<Fit> fits;  ///< Those that hold the set.
  bool all = true;        ///< Every fit holds it.
};

/// What the fits of a trial said of the images that they validated on, each
/// image once in each repeat: where several folds validated on it, by the
/// first. Empty when no predictions are kept.
struct PooledPredictions {
  std::string cls, target;  ///< Of the fits' thresholds.
  struct Image {
    bool positive = false;   ///< It is of the class.
    double probability = 0;  ///< Of the class.
    /// From 0 without gaps: images of equal index are of one patient, also
    /// those of different repeats. One that names no patient is its own.
    int group = 0;
  };
  std::vector<Image> images;
};

/// How what the fits of a trial say becomes one row; `config` is the trial's.
/// Functions of their arguments alone.
struct FitSummarizer {
  /// Stands for a figure of all fits; empty = their plain mean.
  std::function<MetricRow(const FiguresOfFits&, const Json& config)> figure;
  /// The threshold that all fits choose together; empty = there is none.
  std::function<ThresholdRow(const PooledPredictions&, const Json& config)>
      threshold;
};

}  // namespace besom::db
