#include "stages/metric/set_scorer.h"

#include <utility>

#include "pipeline/base/check.h"
#include "stages/metric/calibration.h"
#include "stages/metric/metrics.h"

namespace besom::stages {
namespace {

using Score = std::optional<double>;

Score HalfBeta(const ClassCounts& c) { return FBeta(c, 0.5); }
Score DoubleBeta(const ClassCounts& c) { return FBeta(c, 2); }

struct CountFigure {
  const char* name;
  Score (*of)(const ClassCounts&);
};
constexpr CountFigure kCountFigures[] = {
    {"npv", NegativePredictiveValue}, {"f0.5", HalfBeta}, {"f2", DoubleBeta}};

struct RankFigure {
  const char* name;
  Score (Ranking::*of)(std::span<const int>) const;
};
constexpr RankFigure kRankFigures[] = {{"roc_auc", &Ranking::RocAuc},
                                       {"pr_auc", &Ranking::AveragePrecision}};

constexpr int kTops[] = {2, 3, 5};

}  // namespace

SetScorer::SetScorer(std::vector<std::string> classes, const ScoredSet& set,
                     const Decision& decision)
    : classes_(std::move(classes)),
      actual_(set.actual),
      predicted_(decision.predicted.empty() ? PredictedClasses(set)
                                            : decision.predicted),
      from_counts_only_(!decision.predicted.empty()),
      has_costs_(!decision.costs.empty()) {
  CheckScoredSet(set);
  BESOM_CHECK(static_cast<int>(classes_.size()) == set.classes, "class names");
  BESOM_CHECK(predicted_.size() == set.images(), "one decision an image");
  if (has_costs_)
    for (std::size_t i = 0; i < actual_.size(); ++i)
      cost_.push_back(decision.costs.at(actual_[i]).at(predicted_[i]));
  if (!from_counts_only_) AddProbabilityFigures(set);
  Visit({}, [&](Row row, const Figure&) { rows_.push_back(std::move(row)); });
}

void SetScorer::AddProbabilityFigures(const ScoredSet& set) {
  const std::size_t n = set.images();
  for (const int k : kTops)
    if (k < set.classes) top_k_.push_back(k);
  top_hits_.assign(top_k_.size(), std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = set.row(i);
    log_loss_.push_back(LogLoss(row, actual_[i]));
    brier_.push_back(BrierScore(row, actual_[i]));
    confidence_.push_back(row[predicted_[i]]);
    is_right_.push_back(predicted_[i] == actual_[i]);
    for (std::size_t k = 0; k < top_k_.size(); ++k)
      top_hits_[k][i] = IsAmongTop(row, actual_[i], top_k_[k]);
  }
  std::vector<std::uint8_t> positive(n);
  for (int c = 0; c < set.classes; ++c) {
    const std::vector<double> probabilities = ClassProbabilities(set, c);
    std::vector<double>& brier = class_brier_.emplace_back(n);
    for (std::size_t i = 0; i < n; ++i) {
      positive[i] = actual_[i] == c;
      const double distance = probabilities[i] - positive[i];
      brier[i] = distance * distance;
    }
    rankings_.emplace_back(probabilities, positive);
  }
}

ConfusionCounts SetScorer::Count(std::span<const int> weights) const {
  BESOM_CHECK(weights.empty() || weights.size() == actual_.size(),
              "one weight an image");
  ConfusionCounts counts(classes_.size(),
                         std::vector<std::int64_t>(classes_.size(), 0));
  for (std::size_t i = 0; i < actual_.size(); ++i)
    counts[actual_[i]][predicted_[i]] += weights.empty() ? 1 : weights[i];
  return counts;
}

void SetScorer::VisitOverall(const ConfusionCounts& counts,
                             std::span<const int> weights,
                             const Visitor& visit) const {
  const auto add = [&](std::string name, const Figure& figure) {
    visit({std::move(name), std::nullopt}, figure);
  };
  add("kappa", [&] { return CohenKappa(counts); });
  add("mcc", [&] { return MatthewsCorrelation(counts); });
  if (has_costs_)
    add("expected_cost", [&] { return WeightedMean(cost_, weights); });
  if (from_counts_only_) return;
  for (std::size_t k = 0; k < top_k_.size(); ++k)
    add("top_" + std::to_string(top_k_[k]),
        [&] { return WeightedMean(top_hits_[k], weights); });
  add("log_loss", [&] { return WeightedMean(log_loss_, weights); });
  add("brier", [&] { return WeightedMean(brier_, weights); });
  add("ece", [&] {
    return ExpectedCalibrationError(
        BinByConfidence(confidence_, is_right_, weights));
  });
}

void SetScorer::Visit(std::span<const int> weights,
                      const Visitor& visit) const {
  const ConfusionCounts counts = Count(weights);
  for (const MetricValue& m : MetricsOf(classes_, counts, std::nullopt))
    visit({m.name, m.cls}, [&] { return m.value; });
  VisitOverall(counts, weights, visit);
  const std::vector<ClassCounts> by_class = CountsByClass(counts);
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    for (const auto& [name, of] : kCountFigures)
      visit({name, classes_[c]}, [&, of = of] { return of(by_class[c]); });
    if (from_counts_only_) continue;
    for (const auto& [name, of] : kRankFigures)
      visit({name, classes_[c]},
            [&, of = of] { return (rankings_[c].*of)(weights); });
    visit({"brier", classes_[c]},
          [&] { return WeightedMean(class_brier_[c], weights); });
  }
  const auto average = [&](const char* name, bool weighted, const auto& of) {
    visit({name, weighted ? "weighted avg" : "macro avg"}, [&] {
      std::vector<Score> scores;
      for (std::size_t c = 0; c < classes_.size(); ++c) scores.push_back(of(c));
      return ClassAverage(by_class, scores, weighted);
    });
  };
  for (const bool weighted : {false, true}) {
    for (const auto& [name, of] : kCountFigures)
      average(name, weighted,
              [&, of = of](std::size_t c) { return of(by_class[c]); });
    if (from_counts_only_) continue;
    for (const auto& [name, of] : kRankFigures)
      average(name, weighted, [&, of = of](std::size_t c) {
        return (rankings_[c].*of)(weights);
      });
  }
}

std::optional<std::size_t> SetScorer::Find(std::string_view name) const {
  std::vector<MetricValue> metrics;
  for (const Row& row : rows_)
    metrics.push_back({row.name, row.cls, std::nullopt, std::nullopt});
  const MetricValue* found = FindMetric(metrics, name);
  if (found == nullptr) return std::nullopt;
  return found - metrics.data();
}

std::vector<std::optional<double>> SetScorer::Values(
    std::span<const int> weights) const {
  std::vector<Score> values;
  values.reserve(rows_.size());
  Visit(weights,
        [&](const Row&, const Figure& figure) { values.push_back(figure()); });
  return values;
}

std::optional<double> SetScorer::Value(std::size_t row,
                                       std::span<const int> weights) const {
  BESOM_CHECK(row < rows_.size(), "a row");
  std::optional<double> value;
  std::size_t at = 0;
  Visit(weights, [&](const Row&, const Figure& figure) {
    if (at++ == row) value = figure();
  });
  return value;
}

}  // namespace besom::stages
