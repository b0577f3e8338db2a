#include "stages/metric/classification_scores.h"

#include <cmath>
#include <cstddef>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

std::optional<double> Ratio(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// The same images, asked for "not this class".
ClassCounts Rest(const ClassCounts& c) {
  return {.hits = c.total - c.support - c.predicted + c.hits,
          .predicted = c.total - c.predicted,
          .support = c.total - c.support,
          .total = c.total};
}

/// Sums over classes that agreement by chance is made of.
struct Margins {
  double total = 0, hits = 0;
  double both = 0;  ///< Sum of support times predicted.
  double support_squares = 0, predicted_squares = 0;
};

Margins MarginsOf(const ConfusionCounts& counts) {
  Margins m;
  for (const ClassCounts& c : CountsByClass(counts)) {
    const auto support = static_cast<double>(c.support);
    const auto predicted = static_cast<double>(c.predicted);
    m.total += support;
    m.hits += static_cast<double>(c.hits);
    m.both += support * predicted;
    m.support_squares += support * support;
    m.predicted_squares += predicted * predicted;
  }
  return m;
}

}  // namespace

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

std::optional<double> Precision(const ClassCounts& c) {
  // Defined as 0 for a class that the set holds and nobody predicted.
  if (c.predicted == 0 && c.support > 0) return 0.0;
  return Ratio(c.hits, c.predicted);
}

std::optional<double> Recall(const ClassCounts& c) {
  return Ratio(c.hits, c.support);
}

std::optional<double> Specificity(const ClassCounts& c) {
  return Recall(Rest(c));
}

std::optional<double> NegativePredictiveValue(const ClassCounts& c) {
  return Precision(Rest(c));
}

std::optional<double> FBeta(const ClassCounts& c, double beta) {
  BESOM_CHECK(beta > 0, "beta > 0");
  if (c.predicted == 0 && c.support == 0) return std::nullopt;
  const double beta2 = beta * beta;
  return (1 + beta2) * static_cast<double>(c.hits) /
         (beta2 * static_cast<double>(c.support) +
          static_cast<double>(c.predicted));
}

std::optional<double> ClassAverage(
    const std::vector<ClassCounts>& classes,
    const std::vector<std::optional<double>>& scores, bool weighted) {
  BESOM_CHECK(classes.size() == scores.size(), "one score per class");
  double sum = 0, weights = 0;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i].support == 0 || !scores[i]) continue;
    const double weight =
        weighted ? static_cast<double>(classes[i].support) : 1.0;
    sum += weight * *scores[i];
    weights += weight;
  }
  if (weights == 0) return std::nullopt;
  return sum / weights;
}

std::optional<double> CohenKappa(const ConfusionCounts& counts) {
  const Margins m = MarginsOf(counts);
  // Both times the squared total: whole numbers, so 0 is exactly 0.
  const double beyond_chance = m.total * m.total - m.both;
  if (beyond_chance == 0) return std::nullopt;
  return (m.hits * m.total - m.both) / beyond_chance;
}

std::optional<double> MatthewsCorrelation(const ConfusionCounts& counts) {
  const Margins m = MarginsOf(counts);
  if (m.total == 0) return std::nullopt;
  const double actual = m.total * m.total - m.support_squares;
  const double predicted = m.total * m.total - m.predicted_squares;
  if (actual == 0 || predicted == 0) return 0.0;
  return (m.hits * m.total - m.both) /
         (std::sqrt(actual) * std::sqrt(predicted));
}

}  // namespace besom::stages
