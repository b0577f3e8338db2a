#include "stages/metric/ranking_scores.h"

#include <algorithm>
#include <cmath>

#include "pipeline/base/check.h"

namespace besom::stages {

Ranking::Ranking(std::span<const double> scores,
                 std::span<const std::uint8_t> positive) {
  BESOM_CHECK(scores.size() == positive.size(), "unequal lengths");
  entries_.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    BESOM_CHECK(!std::isnan(scores[i]), "a score is not a number");
    entries_.push_back({scores[i], i, positive[i] != 0});
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.score > b.score; });
}

template <typename Visit>
void Ranking::ForEachStep(std::span<const int> weights,
                          const Visit& visit) const {
  BESOM_CHECK(weights.empty() || weights.size() == entries_.size(),
              "one weight an image");
  Step step{0, 0, 0};
  for (std::size_t i = 0; i < entries_.size();) {
    step.score = entries_[i].score;
    const std::int64_t before = step.hits + step.alarms;
    for (; i < entries_.size() && entries_[i].score == step.score; ++i) {
      const int weight = weights.empty() ? 1 : weights[entries_[i].image];
      (entries_[i].positive ? step.hits : step.alarms) += weight;
    }
    if (step.hits + step.alarms > before) visit(step);
  }
}

std::vector<Ranking::Step> Ranking::Steps(std::span<const int> weights) const {
  std::vector<Step> steps;
  ForEachStep(weights, [&](const Step& step) { steps.push_back(step); });
  return steps;
}

std::optional<double> Ranking::RocAuc(std::span<const int> weights) const {
  Step last{0, 0, 0};
  double twice_area = 0;  // Whole numbers: exact.
  ForEachStep(weights, [&](const Step& step) {
    twice_area += static_cast<double>(step.alarms - last.alarms) *
                  static_cast<double>(step.hits + last.hits);
    last = step;
  });
  if (last.hits == 0 || last.alarms == 0) return std::nullopt;
  return twice_area / 2 / static_cast<double>(last.hits) /
         static_cast<double>(last.alarms);
}

std::optional<double> Ranking::AveragePrecision(
    std::span<const int> weights) const {
  Step last{0, 0, 0};
  double sum = 0;
  ForEachStep(weights, [&](const Step& step) {
    sum += static_cast<double>(step.hits - last.hits) *
           static_cast<double>(step.hits) /
           static_cast<double>(step.hits + step.alarms);
    last = step;
  });
  if (last.hits == 0) return std::nullopt;
  return sum / static_cast<double>(last.hits);
}

}  // namespace besom::stages
