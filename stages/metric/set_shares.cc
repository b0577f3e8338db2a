#include "stages/metric/set_shares.h"

#include <span>
#include <utility>

#include "stages/metric/proportion_interval.h"

namespace besom::stages {
namespace {

/// One row: what each image adds to the share and to the mean.
struct Column {
  std::string name;
  std::vector<bool> predicted;
  std::vector<double> probability;
};

Interval ShareInterval(const ScoredSet& set, const Column& column, int groups,
                       double level) {
  std::vector<GroupCount> counts(groups);
  for (std::size_t i = 0; i < set.images(); ++i) {
    ++counts[set.group[i]].size;
    counts[set.group[i]].hits += column.predicted[i];
  }
  return GroupProportionInterval(counts, level);
}

/// Mean probability of the columns where group g stands counts[g] times.
std::vector<std::optional<double>> Means(const ScoredSet& set,
                                         const std::vector<Column>& columns,
                                         std::span<const int> counts) {
  std::vector<double> sums(columns.size());
  double weight = 0;
  for (std::size_t i = 0; i < set.images(); ++i) {
    const int count = counts[set.group[i]];
    weight += count;
    for (std::size_t c = 0; c < columns.size(); ++c)
      sums[c] += count * columns[c].probability[i];
  }
  std::vector<std::optional<double>> means;
  for (const double sum : sums) means.push_back(sum / weight);
  return means;
}

}  // namespace

std::vector<ClassShare> SharesOf(const std::vector<std::string>& classes,
                                 const ScoredSet& set,
                                 const std::string& positive,
                                 const BootstrapOptions& options) {
  if (set.images() == 0) return {};
  const std::vector<int> predicted = PredictedClasses(set);
  std::vector<Column> columns;
  const auto add = [&](const std::string& name, int cls, bool is_class) {
    Column& column = columns.emplace_back();
    column.name = name;
    for (std::size_t i = 0; i < set.images(); ++i) {
      const double p = set.row(i)[cls];
      column.predicted.push_back((predicted[i] == cls) == is_class);
      column.probability.push_back(is_class ? p : 1 - p);
    }
  };
  for (std::size_t c = 0; c < classes.size(); ++c)
    add(classes[c], static_cast<int>(c), true);
  for (std::size_t c = 0; c < classes.size(); ++c)
    if (classes[c] == positive)
      add("not " + positive, static_cast<int>(c), false);
  const int groups = GroupCountOf(set);
  const auto samples = BootstrapGroups(
      groups,
      [&](std::span<const int> counts) { return Means(set, columns, counts); },
      options);
  std::vector<ClassShare> shares;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    ClassShare& share = shares.emplace_back();
    for (const bool is_predicted : columns[c].predicted)
      share.predicted += is_predicted;
    share.share = static_cast<double>(share.predicted) /
                  static_cast<double>(set.images());
    share.share_interval =
        ShareInterval(set, columns[c], groups, options.level);
    share.mean_probability = *samples[c].value;
    share.probability_interval = BcaInterval(samples[c], groups, options);
    share.name = std::move(columns[c].name);
  }
  return shares;
}

}  // namespace besom::stages
