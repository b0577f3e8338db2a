#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stages/metric/classification_scores.h"
#include "stages/metric/evaluation.h"

namespace besom::stages {

/// Counts pairs of class indices, pair i weights[i] times (empty: once).
/// REQUIRES: equal lengths, every index in [0, classes).
ConfusionCounts CountConfusion(int classes, std::span<const int> actual,
                               std::span<const int> predicted,
                               std::span<const int> weights = {});

/// Whether a metric is a number of images or classes: nothing is estimated by
/// it, so it has no interval.
bool IsCount(std::string_view metric);

/// What names a figure in rows.
struct MetricKey {
  std::string name;
  std::optional<std::string> cls;
};

/// The key of the name that YAML uses: METRIC[/CLASS|/macro|/weighted].
/// "sensitivity" is recall, "ppv" is precision, "auc" is roc_auc.
MetricKey ParseMetricKey(std::string_view text);

/// A figure of predicted classes and how it comes from their counts.
struct CountMetric {
  MetricKey key;
  std::function<std::optional<double>(const std::vector<ClassCounts>&)> of;
};

/// Those of MetricsOf but for the loss, in its order.
std::vector<CountMetric> CountMetrics(const std::vector<std::string>& classes);

/// The metrics of one set as rows, in a fixed order:
/// - overall (no class): accuracy, balanced_accuracy, loss (when given),
///   predicted_classes (how many classes are ever predicted; 1 marks a
///   classifier that always says the same);
/// - per class: precision, recall, f1, specificity, support;
/// - "macro avg" and "weighted avg" of the same five.
/// All in double. A class without support has recall NULL and support 0, and
/// precision and F1 NULL unless it was predicted (then 0); averages are taken
/// over classes with support. A class with support that is never predicted
/// has precision 0 and F1 0. Over classes with support the numbers are those
/// of scikit-learn's precision_recall_fscore_support; balanced_accuracy is
/// its balanced_accuracy_score. `loss` is the mean unweighted cross-entropy.
/// REQUIRES: counts is classes x classes.
std::vector<MetricValue> MetricsOf(const std::vector<std::string>& classes,
                                   const ConfusionCounts& counts,
                                   std::optional<double> loss);

/// Finds a metric by the name that YAML uses among the rows without epoch; null
/// when there is none.
const MetricValue* FindMetric(const std::vector<MetricValue>& metrics,
                              std::string_view name);

/// log(softmax(logits)) in double; safe for any finite logits.
std::vector<double> LogSoftmax(std::span<const float> logits);

/// Index of the largest value; the first on ties. REQUIRES: not empty.
int ArgMax(std::span<const double> values);

}  // namespace besom::stages
