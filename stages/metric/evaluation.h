#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/metric/curves.h"
#include "stages/metric/interval.h"

namespace besom::stages {

/// One number about one set, as a row of the `metrics` view. No value = NULL
/// (INTERFACE: "Metric names").
struct MetricValue {
  std::string name;                ///< "recall", "loss", ...
  std::optional<std::string> cls;  ///< Class, "macro avg", ...; none = all.
  std::optional<double> value;
  std::optional<int> epoch;  ///< None = the chosen weights.
  /// None for counts and where none was asked for.
  std::optional<Interval> interval = {};
};

struct Prediction {
  std::string source, path;           ///< The image.
  int actual = 0, predicted = 0;      ///< Class indices.
  std::vector<double> probabilities;  ///< One per class, sum 1.
};

/// Everything about one set ("train", "validation", "test", an external name)
/// in one fit.
struct SetEvaluation {
  std::string set;
  std::vector<MetricValue> metrics;
  /// counts[actual][predicted].
  std::vector<std::vector<std::int64_t>> confusion;
  std::vector<Prediction> predictions;  ///< As `evaluate.predictions` asks.
  std::vector<CurvePoint> curves;       ///< Where predictions are kept.
  /// Figures of what the fit's threshold decides; empty without one.
  std::vector<MetricValue> decided;
};

/// The threshold of a fit, from its validation images.
struct FitThreshold {
  std::string cls;     ///< Positive if its probability >= value.
  std::string target;  ///< As the spec writes it.
  /// None where no threshold reaches the target on these images.
  std::optional<double> value;
  int positive_groups = 0;  ///< Groups with an image of the class.
};

/// The outcome of the evaluate stage for one fit.
struct Evaluation {
  std::vector<std::string> classes;
  int repeat = 0, fold = 0;
  std::vector<SetEvaluation> sets;
  /// Per-epoch figures of train and validation, from the history.
  std::vector<std::pair<std::string, MetricValue>> history;
  int chosen_epoch = 0;
  std::optional<FitThreshold> threshold;  ///< Where the spec wants one.

  Json ToJson() const;
  static Result<Evaluation> FromJson(const Json& json);
};

}  // namespace besom::stages
