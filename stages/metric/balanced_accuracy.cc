#include "stages/metric/balanced_accuracy.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

/// Pooled over the groups; none without images.
std::optional<double> RecallOf(std::span<const GroupCount> groups) {
  std::int64_t hits = 0, size = 0;
  for (const GroupCount& group : groups) {
    hits += group.hits;
    size += group.size;
  }
  if (size == 0) return std::nullopt;
  return static_cast<double>(hits) / static_cast<double>(size);
}

/// What each group adds to the error of a recall, but for a factor.
std::vector<double> Residuals(std::span<const GroupCount> groups,
                              double recall) {
  std::vector<double> residuals;
  residuals.reserve(groups.size());
  for (const GroupCount& group : groups)
    residuals.push_back(static_cast<double>(group.hits) -
                        recall * static_cast<double>(group.size));
  return residuals;
}

double Correlation(std::span<const double> a, std::span<const double> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

/// The error of a mean of parts that err by `errors` each.
double ErrorOfMean(std::span<const double> errors,
                   std::span<const std::vector<double>> residuals) {
  double sum = 0;
  for (std::size_t c = 0; c < errors.size(); ++c) {
    sum += errors[c] * errors[c];
    for (std::size_t d = 0; d < c; ++d)
      sum +=
          2 * Correlation(residuals[c], residuals[d]) * errors[c] * errors[d];
  }
  return std::sqrt(std::max(sum, 0.0)) / static_cast<double>(errors.size());
}

}  // namespace

std::optional<double> BalancedAccuracy(
    std::span<const std::vector<GroupCount>> recalls) {
  double sum = 0;
  for (const std::vector<GroupCount>& groups : recalls) {
    const std::optional<double> recall = RecallOf(groups);
    if (!recall) return std::nullopt;
    sum += *recall;
  }
  if (recalls.empty()) return std::nullopt;
  return sum / static_cast<double>(recalls.size());
}

Interval BalancedAccuracyInterval(
    std::span<const std::vector<GroupCount>> recalls, double level,
    double spread) {
  BESOM_CHECK(!recalls.empty() && spread > 0, "a class, a spread");
  Interval interval{std::nullopt, std::nullopt, "mover_wilson", 0};
  for (std::size_t g = 0; g < recalls[0].size(); ++g)
    interval.groups += std::ranges::any_of(
        recalls, [g](const auto& groups) { return groups[g].size > 0; });
  const std::optional<double> mean = BalancedAccuracy(recalls);
  if (!mean) return interval;
  std::vector<double> below, above;
  std::vector<std::vector<double>> residuals;
  for (const std::vector<GroupCount>& groups : recalls) {
    BESOM_CHECK(groups.size() == recalls[0].size(), "the same groups");
    const double recall = *RecallOf(groups);
    const Interval of_class = GroupProportionInterval(groups, level);
    below.push_back(recall - *of_class.low);
    above.push_back(*of_class.high - recall);
    residuals.push_back(Residuals(groups, recall));
  }
  interval.low = std::max(0.0, *mean - spread * ErrorOfMean(below, residuals));
  interval.high = std::min(1.0, *mean + spread * ErrorOfMean(above, residuals));
  return interval;
}

double OutOfFoldSpread(int folds) {
  BESOM_CHECK(folds > 1, "two folds");
  return std::sqrt(1 + static_cast<double>(folds) / (folds - 1));
}

}  // namespace besom::stages
