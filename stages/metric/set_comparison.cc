#include "stages/metric/set_comparison.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "pipeline/base/check.h"
#include "stages/metric/auc_interval.h"
#include "stages/metric/group_bootstrap.h"
#include "stages/metric/paired_tests.h"
#include "stages/metric/set_scorer.h"

namespace besom::stages {
namespace {

/// Images of a, then those of b: a figure of either, or of a mixture, is a
/// weighting of this set.
ScoredSet Stacked(const ScoredSet& a, const ScoredSet& b) {
  ScoredSet both = a;
  const auto append = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(both.actual, b.actual);
  append(both.probabilities, b.probabilities);
  append(both.group, b.group);
  return both;
}

class Pair {
 public:
  Pair(const std::vector<std::string>& classes, const ScoredSet& a,
       const ScoredSet& b, std::string_view metric)
      : a_(a),
        b_(b),
        scorer_(classes, Stacked(a, b)),
        row_(scorer_.Find(metric)),
        left_(2 * a.images()),
        right_(2 * a.images()) {
    if (!row_) return;
    // An average of areas is not the area of one class.
    const auto& cls = scorer_.rows()[*row_].cls;
    const auto it =
        cls ? std::find(classes.begin(), classes.end(), *cls) : classes.end();
    if (it != classes.end()) class_ = static_cast<int>(it - classes.begin());
  }

  bool is_known() const { return row_.has_value(); }
  bool is_accuracy() const { return name() == "accuracy"; }
  bool is_area() const { return name() == "roc_auc" && class_; }

  /// Where group g stands counts[g] times (empty: once), answers swapped in
  /// groups with swapped[g] != 0 (empty: nowhere).
  std::optional<double> Difference(std::span<const int> counts,
                                   std::span<const std::uint8_t> swapped) {
    const std::size_t n = a_.images();
    for (std::size_t i = 0; i < n; ++i) {
      const int group = a_.group[i];
      const int count = counts.empty() ? 1 : counts[group];
      const bool swap = !swapped.empty() && swapped[group] != 0;
      left_[i] = right_[n + i] = swap ? 0 : count;
      right_[i] = left_[n + i] = swap ? count : 0;
    }
    const auto left = scorer_.Value(*row_, left_);
    const auto right = scorer_.Value(*row_, right_);
    if (!left || !right) return std::nullopt;
    return *left - *right;
  }

  std::vector<std::uint8_t> DifferingGroups() const {
    std::vector<std::uint8_t> differs(GroupCountOf(a_));
    const std::size_t n = a_.images();
    const bool by_probability = !scorer_.IsFromCounts(*row_);
    for (std::size_t i = 0; i < n; ++i) {
      const auto &row_a = a_.row(i), &row_b = b_.row(i);
      if (by_probability
              ? !std::equal(row_a.begin(), row_a.end(), row_b.begin())
              : scorer_.predicted()[i] != scorer_.predicted()[n + i])
        differs[a_.group[i]] = 1;
    }
    return differs;
  }

  AucEstimate AreaDifference(bool by_group) const {
    const std::vector<std::uint8_t> positive = ClassMembers(a_, *class_);
    const auto a = ClassProbabilities(a_, *class_);
    const auto b = ClassProbabilities(b_, *class_);
    return by_group ? ObuchowskiDifference(a, b, positive, a_.group)
                    : DeLongDifference(a, b, positive);
  }

  PairedTest McNemar() const {
    std::int64_t a_only = 0, b_only = 0;
    const std::size_t n = a_.images();
    for (std::size_t i = 0; i < n; ++i) {
      const bool a_right = scorer_.predicted()[i] == a_.actual[i];
      const bool b_right = scorer_.predicted()[n + i] == a_.actual[i];
      a_only += a_right && !b_right;
      b_only += b_right && !a_right;
    }
    return McNemarTest(a_only, b_only, static_cast<std::int64_t>(n));
  }

  std::string MethodFor() const {
    if (HasSharedGroups(a_)) return "sign_flip";
    if (is_accuracy()) return "mcnemar";
    return is_area() ? "delong" : "sign_flip";
  }

 private:
  std::string_view name() const { return scorer_.rows()[*row_].name; }

  const ScoredSet &a_, &b_;
  SetScorer scorer_;
  std::optional<std::size_t> row_;
  std::optional<int> class_;
  std::vector<int> left_, right_;  ///< Weights of the stacked images.
};

void AddInterval(Pair& pair, int groups, const ComparisonOptions& options,
                 Comparison& result) {
  const BootstrapOptions bootstrap{options.bootstrap, options.level,
                                   options.seed};
  const auto samples = BootstrapGroups(
      groups,
      [&](std::span<const int> counts) {
        return std::vector{pair.Difference(counts, {})};
      },
      bootstrap);
  const Interval interval = BcaInterval(samples.front(), groups, bootstrap);
  result.low = interval.low;
  result.high = interval.high;
  if (!result.low || (result.p && *result.p <= 1 - options.level)) return;
  result.low = std::min(*result.low, 0.0);
  result.high = std::max(*result.high, 0.0);
}

}  // namespace

Result<Comparison> CompareSets(const std::vector<std::string>& classes,
                               const ScoredSet& a, const ScoredSet& b,
                               std::string_view metric,
                               const ComparisonOptions& options) {
  BESOM_CHECK(
      a.actual == b.actual && a.group == b.group && a.classes == b.classes,
      "trials on the same images");
  Pair pair(classes, a, b, metric);
  if (!pair.is_known())
    return InvalidError(std::string(metric), "no metric of this name");
  const std::string method =
      options.method.empty() ? pair.MethodFor() : options.method;
  Comparison result{.metric = std::string(metric)};
  if (method == "delong" || method == "obuchowski") {
    if (!pair.is_area())
      return InvalidError(method, "compares roc_auc of one class only",
                          "use sign_flip");
    const AucEstimate area = pair.AreaDifference(method == "obuchowski");
    const AucDifference test = TestAucDifference(area, options.level);
    result.method = method;
    result.difference = area.value;
    result.low = test.low;
    result.high = test.high;
    result.p = test.p;
    return result;
  }
  PairedTest test;
  if (method == "mcnemar") {
    if (!pair.is_accuracy())
      return InvalidError(method, "compares accuracy only", "use sign_flip");
    test = pair.McNemar();
  } else if (method == "sign_flip") {
    const std::vector<std::uint8_t> differs = pair.DifferingGroups();
    result.differing = std::ranges::count(differs, 1);
    test = SignFlipTest(differs,
                        [&](std::span<const std::uint8_t> swapped) {
                          return pair.Difference({}, swapped);
                        },
                        {options.permutations, options.seed});
  } else {
    return InvalidError(method, "no test of this name",
                        "use sign_flip, mcnemar, delong or obuchowski");
  }
  result.method = test.method;
  result.difference = test.difference;
  result.p = test.p;
  AddInterval(pair, GroupCountOf(a), options, result);
  return result;
}

}  // namespace besom::stages
