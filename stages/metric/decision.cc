#include "stages/metric/decision.h"

#include <algorithm>
#include <set>

#include "pipeline/base/check.h"
#include "stages/metric/classification_scores.h"
#include "stages/metric/ranking_scores.h"

namespace besom::stages {
namespace {

using Score = std::optional<double>;

struct TargetMetric {
  std::string_view name;
  Score (*of)(const ClassCounts&);
  bool wants_largest;  ///< Of the thresholds that meet the target.
};
constexpr TargetMetric kTargets[] = {{"recall", Recall, true},
                                     {"npv", NegativePredictiveValue, true},
                                     {"specificity", Specificity, false},
                                     {"precision", Precision, false}};

const TargetMetric& FindTarget(std::string_view name) {
  const auto* it = std::ranges::find(kTargets, name, &TargetMetric::name);
  BESOM_CHECK(it != std::end(kTargets), std::string(name));
  return *it;
}

}  // namespace

std::vector<std::vector<double>> CostsOf(
    const std::vector<std::string>& classes, const Json& map) {
  if (map.empty()) return {};
  const std::size_t n = classes.size();
  std::vector<std::vector<double>> costs(n, std::vector<double>(n, 1));
  for (std::size_t actual = 0; actual < n; ++actual) {
    const auto row = map.find(classes[actual]);
    for (std::size_t predicted = 0; predicted < n; ++predicted) {
      double& cost = costs[actual][predicted];
      if (actual == predicted) cost = 0;
      if (row == map.end()) continue;
      if (const auto cell = row->find(classes[predicted]); cell != row->end())
        cost = cell->get<double>();
    }
  }
  return costs;
}

std::optional<Threshold> ChooseThreshold(const ScoredSet& set,
                                         const ThresholdTarget& target) {
  const TargetMetric& metric = FindTarget(target.metric);
  const std::vector<std::uint8_t> members = ClassMembers(set, target.cls);
  std::set<int> groups;
  ClassCounts counts{.total = static_cast<std::int64_t>(set.images())};
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i] == 0) continue;
    groups.insert(set.group[i]);
    ++counts.support;
  }
  if (groups.empty()) return std::nullopt;
  std::optional<Threshold> chosen;
  const Ranking ranking(ClassProbabilities(set, target.cls), members);
  for (const Ranking::Step& step : ranking.Steps()) {
    counts.hits = step.hits;
    counts.predicted = step.hits + step.alarms;
    const Score score = metric.of(counts);
    if (!score || *score < target.least) continue;
    if (chosen && metric.wants_largest) continue;
    chosen = Threshold{step.score, static_cast<int>(groups.size())};
  }
  return chosen;
}

std::vector<int> PredictedAtThreshold(const ScoredSet& set, int cls,
                                      double threshold) {
  BESOM_CHECK(set.classes > 1, "a class and the rest");
  std::vector<int> predicted(set.images());
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    const auto row = set.row(i);
    if (row[cls] >= threshold) {
      predicted[i] = cls;
      continue;
    }
    int best = cls == 0 ? 1 : 0;
    for (int c = 0; c < set.classes; ++c)
      if (c != cls && row[c] > row[best]) best = c;
    predicted[i] = best;
  }
  return predicted;
}

}  // namespace besom::stages
