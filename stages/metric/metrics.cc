#include "stages/metric/metrics.h"

#include <algorithm>
#include <cmath>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

using Value = std::optional<double>;

Value F1(const ClassCounts& c) { return FBeta(c, 1); }

Value Support(const ClassCounts& c) { return static_cast<double>(c.support); }

/// A per-class figure and how its averages are made.
struct Figure {
  const char* name;
  Value (*of)(const ClassCounts&);
  bool is_sum;  ///< The "average" is the total (support).
};

constexpr Figure kFigures[] = {{"precision", Precision, false},
                               {"recall", Recall, false},
                               {"f1", F1, false},
                               {"specificity", Specificity, false},
                               {"support", Support, true}};

Value Average(const std::vector<ClassCounts>& classes, const Figure& figure,
              bool weighted) {
  std::vector<Value> scores;
  scores.reserve(classes.size());
  for (const ClassCounts& c : classes) scores.push_back(figure.of(c));
  return ClassAverage(classes, scores, weighted);
}

Value Total(const std::vector<ClassCounts>& classes) {
  return classes.empty() ? 0.0 : static_cast<double>(classes.front().total);
}

Value Accuracy(const std::vector<ClassCounts>& classes) {
  ClassCounts right;
  for (const ClassCounts& c : classes) right.hits += c.hits;
  if (!classes.empty()) right.support = classes.front().total;
  return Recall(right);
}

Value BalancedAccuracy(const std::vector<ClassCounts>& classes) {
  return Average(classes, {"recall", Recall, false}, false);
}

Value PredictedClassCount(const std::vector<ClassCounts>& classes) {
  return static_cast<double>(std::ranges::count_if(
      classes, [](const ClassCounts& c) { return c.predicted > 0; }));
}

}  // namespace

ConfusionCounts CountConfusion(int classes, std::span<const int> actual,
                               std::span<const int> predicted,
                               std::span<const int> weights) {
  BESOM_CHECK(actual.size() == predicted.size(), "unequal lengths");
  BESOM_CHECK(weights.empty() || weights.size() == actual.size(),
              "one weight a pair");
  ConfusionCounts counts(classes, std::vector<std::int64_t>(classes, 0));
  for (std::size_t i = 0; i < actual.size(); ++i)
    counts.at(actual[i]).at(predicted[i]) += weights.empty() ? 1 : weights[i];
  return counts;
}

bool IsCount(std::string_view metric) {
  return metric == "support" || metric == "predicted_classes";
}

std::vector<CountMetric> CountMetrics(const std::vector<std::string>& classes) {
  std::vector<CountMetric> metrics = {
      {{"accuracy", std::nullopt}, Accuracy},
      {{"balanced_accuracy", std::nullopt}, BalancedAccuracy},
      {{"predicted_classes", std::nullopt}, PredictedClassCount}};
  for (std::size_t c = 0; c < classes.size(); ++c)
    for (const Figure& figure : kFigures)
      metrics.push_back({{figure.name, classes[c]},
                         [&figure, c](const std::vector<ClassCounts>& counts) {
                           return figure.of(counts[c]);
                         }});
  for (const bool weighted : {false, true})
    for (const Figure& figure : kFigures)
      metrics.push_back(
          {{figure.name, weighted ? "weighted avg" : "macro avg"},
           [&figure, weighted](const std::vector<ClassCounts>& counts) {
             return figure.is_sum ? Total(counts)
                                  : Average(counts, figure, weighted);
           }});
  return metrics;
}

std::vector<MetricValue> MetricsOf(const std::vector<std::string>& classes,
                                   const ConfusionCounts& counts,
                                   std::optional<double> loss) {
  BESOM_CHECK(counts.size() == classes.size(), "one row per class");
  const std::vector<ClassCounts> by_class = CountsByClass(counts);
  std::vector<MetricValue> metrics;
  for (CountMetric& metric : CountMetrics(classes)) {
    metrics.push_back({std::move(metric.key.name), std::move(metric.key.cls),
                       metric.of(by_class), std::nullopt});
    if (loss && metrics.back().name == "balanced_accuracy")
      metrics.push_back({"loss", std::nullopt, loss, std::nullopt});
  }
  return metrics;
}

MetricKey ParseMetricKey(std::string_view text) {
  const std::size_t slash = text.find('/');
  MetricKey key{std::string(text.substr(0, slash)), std::nullopt};
  if (slash != std::string_view::npos) {
    key.cls = std::string(text.substr(slash + 1));
    if (*key.cls == "macro" || *key.cls == "weighted") *key.cls += " avg";
  }
  if (key.name == "sensitivity") key.name = "recall";
  if (key.name == "ppv") key.name = "precision";
  if (key.name == "auc") key.name = "roc_auc";
  return key;
}

const MetricValue* FindMetric(const std::vector<MetricValue>& metrics,
                              std::string_view name) {
  const MetricKey key = ParseMetricKey(name);
  const auto it =
      std::find_if(metrics.begin(), metrics.end(), [&](const MetricValue& m) {
        return !m.epoch && m.name == key.name && m.cls == key.cls;
      });
  return it == metrics.end() ? nullptr : &*it;
}

std::vector<double> LogSoftmax(std::span<const float> logits) {
  std::vector<double> result(logits.begin(), logits.end());
  const double top = *std::max_element(result.begin(), result.end());
  double sum = 0;
  for (const double logit : result) sum += std::exp(logit - top);
  const double shift = top + std::log(sum);
  for (double& value : result) value -= shift;
  return result;
}

int ArgMax(std::span<const double> values) {
  BESOM_CHECK(!values.empty(), "no largest of nothing");
  return static_cast<int>(std::max_element(values.begin(), values.end()) -
                          values.begin());
}

}  // namespace besom::stages
