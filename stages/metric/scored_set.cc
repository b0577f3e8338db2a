#include "stages/metric/scored_set.h"

#include <algorithm>
#include <numeric>

#include "pipeline/base/check.h"
#include "stages/metric/metrics.h"

namespace besom::stages {

void CheckScoredSet(const ScoredSet& set) {
  const std::size_t n = set.images();
  BESOM_CHECK(set.classes > 0 && set.group.size() == n &&
                  set.probabilities.size() == n * set.classes,
              "columns of one length");
  const auto groups = static_cast<std::size_t>(GroupCountOf(set));
  std::vector<bool> seen(groups, false);
  for (std::size_t i = 0; i < n; ++i) {
    BESOM_CHECK(set.actual[i] >= 0 && set.actual[i] < set.classes, "a class");
    BESOM_CHECK(set.group[i] >= 0, "a group");
    seen[set.group[i]] = true;
  }
  BESOM_CHECK(std::find(seen.begin(), seen.end(), false) == seen.end(),
              "groups without gaps");
}

std::vector<int> PredictedClasses(const ScoredSet& set) {
  std::vector<int> predicted(set.images());
  for (std::size_t i = 0; i < predicted.size(); ++i)
    predicted[i] = ArgMax(set.row(i));
  return predicted;
}

std::vector<double> ClassProbabilities(const ScoredSet& set, int cls) {
  std::vector<double> result(set.images());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = set.row(i)[cls];
  return result;
}

std::vector<std::uint8_t> ClassMembers(const ScoredSet& set, int cls) {
  std::vector<std::uint8_t> members(set.images());
  for (std::size_t i = 0; i < members.size(); ++i)
    members[i] = set.actual[i] == cls;
  return members;
}

int GroupCountOf(std::span<const int> group) {
  if (group.empty()) return 0;
  return *std::max_element(group.begin(), group.end()) + 1;
}

int GroupCountOf(const ScoredSet& set) { return GroupCountOf(set.group); }

bool HasSharedGroups(const ScoredSet& set) {
  return static_cast<std::size_t>(GroupCountOf(set)) < set.images();
}

ScoredSet WithImagesAsGroups(ScoredSet set) {
  std::iota(set.group.begin(), set.group.end(), 0);
  return set;
}

}  // namespace besom::stages
