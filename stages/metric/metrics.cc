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

void AddOverall(const std::vector<ClassCounts>& classes,
                std::optional<double> loss, std::vector<MetricValue>& metrics) {
  std::int64_t hits = 0, predicted_classes = 0;
  for (const ClassCounts& c : classes) {
    hits += c.hits;
    predicted_classes += c.predicted > 0;
  }
  const auto add = [&](const char* name, Value value) {
    metrics.push_back({name, std::nullopt, value, std::nullopt});
  };
  const std::int64_t total = classes.empty() ? 0 : classes.front().total;
  add("accuracy", Recall({.hits = hits, .support = total}));
  add("balanced_accuracy", Average(classes, {"recall", Recall, false}, false));
  if (loss) add("loss", loss);
  add("predicted_classes", static_cast<double>(predicted_classes));
}

}  // namespace

ConfusionCounts CountConfusion(int classes, std::span<const int> actual,
                               std::span<const int> predicted) {
  BESOM_CHECK(actual.size() == predicted.size(), "unequal lengths");
  ConfusionCounts counts(classes, std::vector<std::int64_t>(classes, 0));
  for (std::size_t i = 0; i < actual.size(); ++i)
    ++counts.at(actual[i]).at(predicted[i]);
  return counts;
}

std::vector<MetricValue> MetricsOf(const std::vector<std::string>& classes,
                                   const ConfusionCounts& counts,
                                   std::optional<double> loss) {
  BESOM_CHECK(counts.size() == classes.size(), "one row per class");
  const std::vector<ClassCounts> by_class = CountsByClass(counts);
  std::vector<MetricValue> metrics;
  AddOverall(by_class, loss, metrics);
  for (std::size_t i = 0; i < classes.size(); ++i)
    for (const Figure& figure : kFigures)
      metrics.push_back(
          {figure.name, classes[i], figure.of(by_class[i]), std::nullopt});
  for (const bool weighted : {false, true})
    for (const Figure& figure : kFigures)
      metrics.push_back({figure.name, weighted ? "weighted avg" : "macro avg",
                         figure.is_sum ? Total(by_class)
                                       : Average(by_class, figure, weighted),
                         std::nullopt});
  return metrics;
}

const MetricValue* FindMetric(const std::vector<MetricValue>& metrics,
                              std::string_view name) {
  const std::size_t slash = name.find('/');
  std::optional<std::string> cls;
  if (slash != std::string_view::npos) {
    cls = std::string(name.substr(slash + 1));
    if (*cls == "macro" || *cls == "weighted") *cls += " avg";
    name = name.substr(0, slash);
  }
  if (name == "sensitivity") name = "recall";
  if (name == "ppv") name = "precision";
  if (name == "auc") name = "roc_auc";
  const auto it =
      std::find_if(metrics.begin(), metrics.end(), [&](const MetricValue& m) {
        return !m.epoch && m.name == name && m.cls == cls;
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
