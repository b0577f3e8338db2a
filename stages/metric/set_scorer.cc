#include "stages/metric/set_scorer.h"

#include <utility>

#include "pipeline/base/check.h"
#include "stages/metric/calibration.h"

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
  if (!from_counts_only_) ReadProbabilities(set);
  for (CountMetric& metric : CountMetrics(classes_))
    Add(std::move(metric.key),
        [of = std::move(metric.of)](const SetScorer&, const Weighted& w) {
          return of(w.by_class);
        });
  AddOverall();
  for (int c = 0; c < set.classes; ++c) AddByClass(c);
  for (const bool weighted : {false, true}) AddAverages(weighted);
}

void SetScorer::ReadProbabilities(const ScoredSet& set) {
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

SetScorer::Weighted SetScorer::Count(std::span<const int> weights) const {
  BESOM_CHECK(weights.empty() || weights.size() == actual_.size(),
              "one weight an image");
  ConfusionCounts counts(classes_.size(),
                         std::vector<std::int64_t>(classes_.size(), 0));
  for (std::size_t i = 0; i < actual_.size(); ++i)
    counts[actual_[i]][predicted_[i]] += weights.empty() ? 1 : weights[i];
  std::vector<ClassCounts> by_class = CountsByClass(counts);
  return {std::move(counts), std::move(by_class), weights};
}

void SetScorer::Add(Row row, Figure figure) {
  rows_.push_back(std::move(row));
  figures_.push_back(std::move(figure));
}

void SetScorer::AddOverall() {
  const auto add = [&](std::string name, Figure figure) {
    Add({std::move(name), std::nullopt}, std::move(figure));
  };
  add("kappa",
      [](const SetScorer&, const Weighted& w) { return CohenKappa(w.counts); });
  add("mcc", [](const SetScorer&, const Weighted& w) {
    return MatthewsCorrelation(w.counts);
  });
  if (has_costs_)
    add("expected_cost", [](const SetScorer& self, const Weighted& w) {
      return WeightedMean(self.cost_, w.weights);
    });
  if (from_counts_only_) return;
  for (std::size_t k = 0; k < top_k_.size(); ++k)
    add("top_" + std::to_string(top_k_[k]),
        [k](const SetScorer& self, const Weighted& w) {
          return WeightedMean(self.top_hits_[k], w.weights);
        });
  add("log_loss", [](const SetScorer& self, const Weighted& w) {
    return WeightedMean(self.log_loss_, w.weights);
  });
  add("brier", [](const SetScorer& self, const Weighted& w) {
    return WeightedMean(self.brier_, w.weights);
  });
  add("ece", [](const SetScorer& self, const Weighted& w) {
    return ExpectedCalibrationError(
        BinByConfidence(self.confidence_, self.is_right_, w.weights));
  });
}

void SetScorer::AddByClass(int cls) {
  for (const auto& [name, of] : kCountFigures)
    Add({name, classes_[cls]},
        [cls, of = of](const SetScorer&, const Weighted& w) {
          return of(w.by_class[cls]);
        });
  if (from_counts_only_) return;
  for (const auto& [name, of] : kRankFigures)
    Add({name, classes_[cls]},
        [cls, of = of](const SetScorer& self, const Weighted& w) {
          return (self.rankings_[cls].*of)(w.weights);
        });
  Add({"brier", classes_[cls]},
      [cls](const SetScorer& self, const Weighted& w) {
        return WeightedMean(self.class_brier_[cls], w.weights);
      });
}

void SetScorer::AddAverages(bool weighted) {
  /// `of`: the score of class c.
  const auto add = [&](const char* name, auto of) {
    Add({name, weighted ? "weighted avg" : "macro avg"},
        [weighted, of](const SetScorer& self, const Weighted& w) {
          std::vector<Score> scores;
          for (std::size_t c = 0; c < self.classes_.size(); ++c)
            scores.push_back(of(self, w, c));
          return ClassAverage(w.by_class, scores, weighted);
        });
  };
  for (const auto& [name, of] : kCountFigures)
    add(name, [of = of](const SetScorer&, const Weighted& w, std::size_t c) {
      return of(w.by_class[c]);
    });
  if (from_counts_only_) return;
  for (const auto& [name, of] : kRankFigures)
    add(name,
        [of = of](const SetScorer& self, const Weighted& w, std::size_t c) {
          return (self.rankings_[c].*of)(w.weights);
        });
}

std::optional<std::size_t> SetScorer::Find(std::string_view name) const {
  const MetricKey key = ParseMetricKey(name);
  for (std::size_t r = 0; r < rows_.size(); ++r)
    if (rows_[r].name == key.name && rows_[r].cls == key.cls) return r;
  return std::nullopt;
}

std::vector<std::optional<double>> SetScorer::Values(
    std::span<const int> weights) const {
  const Weighted weighted = Count(weights);
  std::vector<Score> values;
  values.reserve(figures_.size());
  for (const Figure& figure : figures_)
    values.push_back(figure(*this, weighted));
  return values;
}

std::optional<double> SetScorer::Value(std::size_t row,
                                       std::span<const int> weights) const {
  BESOM_CHECK(row < figures_.size(), "a row");
  return figures_[row](*this, Count(weights));
}

}  // namespace besom::stages
