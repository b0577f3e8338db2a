#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stages/metric/classification_scores.h"
#include "stages/metric/decision.h"
#include "stages/metric/metrics.h"
#include "stages/metric/ranking_scores.h"
#include "stages/metric/scored_set.h"

namespace besom::stages {

/// All figures of one set, for any weighting of its images: what a bootstrap
/// over groups and a test by swapping ask thousands of times. Sorts once, then
/// each weighting costs one pass, and each figure no more than that. Rows, in
/// this order:
/// - those of MetricsOf without loss (metrics.h);
/// - overall: kappa, mcc, expected_cost (where there are costs), top_2, top_3,
///   top_5 (for k < classes), log_loss, brier, ece (of the predicted class;
///   calibration.h);
/// - per class: npv, f0.5, f2, roc_auc, pr_auc (class against rest), brier
///   (mean squared distance of its probability from 0 or 1);
/// - "macro avg", "weighted avg" of npv, f0.5, f2, roc_auc, pr_auc, over
///   classes with support.
/// roc_auc and pr_auc have no value for a class without support, roc_auc none
/// either for a class without others; an empty set has no values but counts.
/// Under a Decision with classes of its own there are only the figures that
/// come from counts: no top_K, losses, areas, calibration.
/// Immutable: any thread.
class SetScorer {
 public:
  using Row = MetricKey;

  /// REQUIRES: CheckScoredSet holds; classes.size() == set.classes; the
  /// decision fits the set.
  SetScorer(std::vector<std::string> classes, const ScoredSet& set,
            const Decision& decision = {});

  const std::vector<Row>& rows() const { return rows_; }
  /// Index of a row by METRIC[/CLASS|/macro|/weighted], with the other names
  /// that FindMetric knows; none if there is no such row.
  std::optional<std::size_t> Find(std::string_view name) const;

  /// Whether a row comes from predicted classes alone.
  bool IsFromCounts(std::size_t row) const { return from_counts_[row]; }

  /// The figures when image i counts weights[i] times (empty: once).
  std::vector<std::optional<double>> Values(
      std::span<const int> weights = {}) const;
  /// One of them alone.
  std::optional<double> Value(std::size_t row,
                              std::span<const int> weights) const;

  const std::vector<int>& predicted() const { return predicted_; }

 private:
  /// A weighting, counted once for all figures.
  struct Weighted {
    ConfusionCounts counts;
    std::vector<ClassCounts> by_class;
    std::span<const int> weights;
    /// [kRankFigures][classes] where all are wanted, since averages take those
    /// of the classes; else empty.
    std::vector<std::vector<std::optional<double>>> ranked;
  };
  /// A function of the scorer that it belongs to.
  using Figure =
      std::function<std::optional<double>(const SetScorer&, const Weighted&)>;
  void Add(Row row, bool from_counts, Figure figure);
  void AddOverall();
  void AddByClass(int cls);
  void AddAverages(bool weighted);
  Weighted Count(std::span<const int> weights) const;
  std::optional<double> RankScore(const Weighted& weighted, std::size_t figure,
                                  std::size_t cls) const;
  void ReadProbabilities(const ScoredSet& set);

  std::vector<std::string> classes_;
  std::vector<int> actual_, predicted_;
  bool from_counts_only_, has_costs_;
  std::vector<double> cost_;                           ///< [images], or empty.
  std::vector<double> log_loss_, brier_, confidence_;  ///< [images]
  std::vector<std::uint8_t> is_right_;                 ///< [images]
  std::vector<int> top_k_;                             ///< The k of the rows.
  std::vector<std::vector<double>> top_hits_;          ///< [k][images], 0 or 1.
  std::vector<std::vector<double>> class_brier_;       ///< [classes][images]
  std::vector<Ranking> rankings_;                      ///< [classes]
  std::vector<Row> rows_;
  std::vector<Figure> figures_;    ///< Parallel to `rows_`.
  std::vector<bool> from_counts_;  ///< Parallel to `rows_`.
};

}  // namespace besom::stages
