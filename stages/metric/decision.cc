#include "stages/metric/decision.h"

#include <algorithm>
#include <functional>
#include <set>

#include "pipeline/base/check.h"
#include "stages/metric/classification_scores.h"
#include "stages/metric/metrics.h"

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

/// Counts of the class against the rest at each distinct probability of it as
/// threshold, from the highest.
class Sweep {
 public:
  Sweep(const ScoredSet& set, int cls) {
    for (std::size_t i = 0; i < set.images(); ++i) {
      images_.emplace_back(set.row(i)[cls], set.actual[i] == cls);
      counts_.support += set.actual[i] == cls;
    }
    counts_.total = static_cast<std::int64_t>(images_.size());
    std::ranges::sort(images_, std::greater());
  }

  template <typename F>
  void ForEach(const F& visit) {
    for (std::size_t i = 0; i < images_.size(); ++i) {
      ++counts_.predicted;
      counts_.hits += images_[i].second;
      const bool last_of_value =
          i + 1 == images_.size() || images_[i + 1].first < images_[i].first;
      if (last_of_value) visit(images_[i].first, counts_);
    }
  }

 private:
  std::vector<std::pair<double, bool>> images_;
  ClassCounts counts_;
};

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
  std::set<int> groups;
  for (std::size_t i = 0; i < set.images(); ++i)
    if (set.actual[i] == target.cls) groups.insert(set.group[i]);
  if (groups.empty()) return std::nullopt;
  std::optional<Threshold> chosen;
  Sweep(set, target.cls).ForEach([&](double value, const ClassCounts& counts) {
    const Score score = metric.of(counts);
    if (!score || *score < target.least) return;
    if (chosen && metric.wants_largest) return;
    chosen = Threshold{value, static_cast<int>(groups.size())};
  });
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
