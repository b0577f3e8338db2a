#include "stages/metric/set_scores.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "stages/metric/auc_interval.h"
#include "stages/metric/calibration.h"
#include "stages/metric/proportion_interval.h"
#include "stages/metric/set_scorer.h"

namespace besom::stages {
namespace {

/// The part that an image has in a proportion.
enum class Part { kNone, kMiss, kHit };

Part PartOf(bool counts, bool hit) {
  if (!counts) return Part::kNone;
  return hit ? Part::kHit : Part::kMiss;
}

class Intervals {
 public:
  Intervals(const std::vector<std::string>& classes, const ScoredSet& set,
            const std::vector<int>& predicted, double level)
      : classes_(classes),
        set_(set),
        predicted_(predicted),
        groups_(GroupCountOf(set)),
        level_(level) {}

  /// None for a figure that is neither a proportion nor an area of a class.
  std::optional<Interval> Closed(const SetScorer::Row& row) const {
    if (!row.cls) return Overall(row.name);
    const auto it = std::find(classes_.begin(), classes_.end(), *row.cls);
    if (it == classes_.end()) return std::nullopt;  // An average.
    const int c = static_cast<int>(it - classes_.begin());
    if (row.name == "roc_auc") return Area(c);
    const auto of_class = [&](const std::vector<int>& column, bool is_class,
                              const std::vector<int>& hits) {
      return Proportion([&, c](std::size_t i) {
        return PartOf((column[i] == c) == is_class, (hits[i] == c) == is_class);
      });
    };
    if (row.name == "recall") return of_class(set_.actual, true, predicted_);
    if (row.name == "precision") return of_class(predicted_, true, set_.actual);
    if (row.name == "specificity")
      return of_class(set_.actual, false, predicted_);
    if (row.name == "npv") return of_class(predicted_, false, set_.actual);
    return std::nullopt;
  }

 private:
  std::optional<Interval> Overall(std::string_view name) const {
    constexpr std::string_view kTop = "top_";
    if (name == "accuracy")
      return Proportion([&](std::size_t i) {
        return PartOf(true, predicted_[i] == set_.actual[i]);
      });
    if (!name.starts_with(kTop)) return std::nullopt;
    const int k = std::stoi(std::string(name.substr(kTop.size())));
    return Proportion([&](std::size_t i) {
      return PartOf(true, IsAmongTop(set_.row(i), set_.actual[i], k));
    });
  }

  template <typename F>
  Interval Proportion(const F& part_of) const {
    std::vector<GroupCount> counts(groups_);
    for (std::size_t i = 0; i < set_.images(); ++i) {
      const Part part = part_of(i);
      counts[set_.group[i]].size += part != Part::kNone;
      counts[set_.group[i]].hits += part == Part::kHit;
    }
    return GroupProportionInterval(counts, level_);
  }

  Interval Area(int c) const {
    const std::vector<double> scores = ClassProbabilities(set_, c);
    const std::vector<std::uint8_t> positive = ClassMembers(set_, c);
    if (!HasSharedGroups(set_))
      return LogitAucInterval(DeLongAuc(scores, positive), level_, "delong");
    return LogitAucInterval(ObuchowskiAuc(scores, positive, set_.group), level_,
                            "obuchowski");
  }

  const std::vector<std::string>& classes_;
  const ScoredSet& set_;
  const std::vector<int>& predicted_;
  int groups_;
  double level_;
};

}  // namespace

std::vector<ScoreRow> ScoreSet(const std::vector<std::string>& classes,
                               const ScoredSet& set,
                               const BootstrapOptions& options,
                               const Decision& decision) {
  const SetScorer scorer(classes, set, decision);
  const Intervals intervals(classes, set, scorer.predicted(), options.level);
  const int groups = GroupCountOf(set);
  std::vector<int> weights(set.images());
  const auto samples = BootstrapGroups(
      groups,
      [&](std::span<const int> counts) {
        for (std::size_t i = 0; i < weights.size(); ++i)
          weights[i] = counts[set.group[i]];
        return scorer.Values(weights);
      },
      options);
  std::vector<ScoreRow> rows;
  for (std::size_t r = 0; r < samples.size(); ++r) {
    const SetScorer::Row& row = scorer.rows()[r];
    rows.push_back({row.name, row.cls, samples[r].value, std::nullopt});
    ScoreRow& result = rows.back();
    if (IsCount(row.name)) continue;
    result.interval = intervals.Closed(row);
    if (!result.interval && options.draws > 0)
      result.interval = BcaInterval(samples[r], groups, options);
  }
  return rows;
}

}  // namespace besom::stages
