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
    Add(std::move(metric.key), true,
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
  for (int c = 0; c < set.classes; ++c) {
    const std::vector<std::uint8_t> positive = ClassMembers(set, c);
    const std::vector<double> probabilities = ClassProbabilities(set, c);
    std::vector<double>& brier = class_brier_.emplace_back(n);
    for (std::size_t i = 0; i < n; ++i) {
      const double distance = probabilities[i] - positive[i];
      brier[i] = distance * distance;
    }
    rankings_.emplace_back(probabilities, positive);
  }
}

SetScorer::Weighted SetScorer::Count(std::span<const int> weights) const {
  ConfusionCounts counts = CountConfusion(static_cast<int>(classes_.size()),
                                          actual_, predicted_, weights);
  std::vector<ClassCounts> by_class = CountsByClass(counts);
  return {std::move(counts), std::move(by_class), weights, {}};
}

std::optional<double> SetScorer::RankScore(const Weighted& weighted,
                                           std::size_t figure,
                                           std::size_t cls) const {
  if (!weighted.ranked.empty()) return weighted.ranked[figure][cls];
  return (rankings_[cls].*kRankFigures[figure].of)(weighted.weights);
}

void SetScorer::Add(Row row, bool from_counts, Figure figure) {
  rows_.push_back(std::move(row));
  from_counts_.push_back(from_counts);
  figures_.push_back(std::move(figure));
}

void SetScorer::AddOverall() {
  const auto add = [&](std::string name, bool from_counts, Figure figure) {
    Add({std::move(name), std::nullopt}, from_counts, std::move(figure));
  };
  add("kappa", true,
      [](const SetScorer&, const Weighted& w) { return CohenKappa(w.counts); });
  add("mcc", true, [](const SetScorer&, const Weighted& w) {
    return MatthewsCorrelation(w.counts);
  });
  if (has_costs_)
    add("expected_cost", true, [](const SetScorer& self, const Weighted& w) {
      return WeightedMean(self.cost_, w.weights);
    });
  if (from_counts_only_) return;
  for (std::size_t k = 0; k < top_k_.size(); ++k)
    add("top_" + std::to_string(top_k_[k]), false,
        [k](const SetScorer& self, const Weighted& w) {
          return WeightedMean(self.top_hits_[k], w.weights);
        });
  add("log_loss", false, [](const SetScorer& self, const Weighted& w) {
    return WeightedMean(self.log_loss_, w.weights);
  });
  add("brier", false, [](const SetScorer& self, const Weighted& w) {
    return WeightedMean(self.brier_, w.weights);
  });
  add("ece", false, [](const SetScorer& self, const Weighted& w) {
    return ExpectedCalibrationError(
        BinByConfidence(self.confidence_, self.is_right_, w.weights));
  });
}

void SetScorer::AddByClass(int cls) {
  for (const auto& [name, of] : kCountFigures)
    Add({name, classes_[cls]}, true,
        [cls, of = of](const SetScorer&, const Weighted& w) {
          return of(w.by_class[cls]);
        });
  if (from_counts_only_) return;
  for (std::size_t f = 0; f < std::size(kRankFigures); ++f)
    Add({kRankFigures[f].name, classes_[cls]}, false,
        [cls, f](const SetScorer& self, const Weighted& w) {
          return self.RankScore(w, f, cls);
        });
  Add({"brier", classes_[cls]}, false,
      [cls](const SetScorer& self, const Weighted& w) {
        return WeightedMean(self.class_brier_[cls], w.weights);
      });
}

void SetScorer::AddAverages(bool weighted) {
  /// `of`: the score of class c.
  const auto add = [&](const char* name, bool from_counts, auto of) {
    Add({name, weighted ? "weighted avg" : "macro avg"}, from_counts,
        [weighted, of](const SetScorer& self, const Weighted& w) {
          std::vector<Score> scores;
          for (std::size_t c = 0; c < self.classes_.size(); ++c)
            scores.push_back(of(self, w, c));
          return ClassAverage(w.by_class, scores, weighted);
        });
  };
  for (const auto& [name, of] : kCountFigures)
    add(name, true,
        [of = of](const SetScorer&, const Weighted& w, std::size_t c) {
          return of(w.by_class[c]);
        });
  if (from_counts_only_) return;
  for (std::size_t f = 0; f < std::size(kRankFigures); ++f)
    add(kRankFigures[f].name, false,
        [f](const SetScorer& self, const Weighted& w, std::size_t c) {
          return self.RankScore(w, f, c);
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
  Weighted weighted = Count(weights);
  if (!from_counts_only_)
    for (const RankFigure& figure : kRankFigures) {
      std::vector<Score>& scores = weighted.ranked.emplace_back();
      for (const Ranking& ranking : rankings_)
        scores.push_back((ranking.*figure.of)(weights));
    }
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
