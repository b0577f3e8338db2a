#include "stages/metric/metrics.h"

#include <algorithm>
#include <cmath>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

using Value = std::optional<double>;

/// One class against the rest.
struct ClassCounts {
  std::int64_t hits = 0, predicted = 0, support = 0, total = 0;
};

Value Ratio(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

Value Precision(const ClassCounts& c) {
  // Defined as 0 for a class that the set holds and nobody predicted.
  if (c.predicted == 0 && c.support > 0) return 0.0;
  return Ratio(c.hits, c.predicted);
}

Value Recall(const ClassCounts& c) { return Ratio(c.hits, c.support); }

Value F1(const ClassCounts& c) {
  return Ratio(2 * c.hits, c.predicted + c.support);
}

Value Specificity(const ClassCounts& c) {
  const std::int64_t rest = c.total - c.support;
  return Ratio(rest - (c.predicted - c.hits), rest);
}

Value Support(const ClassCounts& c) { return static_cast<double>(c.support); }

std::vector<ClassCounts> CountsByClass(const ConfusionCounts& counts) {
  std::vector<ClassCounts> result(counts.size());
  std::int64_t total = 0;
  for (std::size_t actual = 0; actual < counts.size(); ++actual) {
    BESOM_CHECK(counts[actual].size() == counts.size(), "not square");
    for (std::size_t predicted = 0; predicted < counts.size(); ++predicted) {
      const std::int64_t n = counts[actual][predicted];
      result[actual].support += n;
      result[predicted].predicted += n;
      if (actual == predicted) result[actual].hits += n;
      total += n;
    }
  }
  for (ClassCounts& c : result) c.total = total;
  return result;
}

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

/// Mean over classes with support, each counted once or by its support.
Value Average(const std::vector<ClassCounts>& classes, const Figure& figure,
              bool weighted) {
  double sum = 0, weights = 0;
  for (const ClassCounts& c : classes) {
    if (c.support == 0) continue;
    const Value value = figure.of(c);
    if (!value) continue;
    const double weight = weighted ? static_cast<double>(c.support) : 1.0;
    sum += weight * *value;
    weights += weight;
  }
  if (weights == 0) return std::nullopt;
  return sum / weights;
}

Value Total(const std::vector<ClassCounts>& classes) {
  return classes.empty() ? 0.0 : static_cast<double>(classes.front().total);
}

void AddOverall(const std::vector<ClassCounts>& classes,
                std::optional<double> loss, std::vector<MetricValue>& metrics) {
  std::int64_t hits = 0, predicted_classes = 0, total = 0;
  for (const ClassCounts& c : classes) {
    hits += c.hits;
    predicted_classes += c.predicted > 0;
    total = c.total;
  }
  const auto add = [&](const char* name, Value value) {
    metrics.push_back({name, std::nullopt, value, std::nullopt});
  };
  add("accuracy", Ratio(hits, total));
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
