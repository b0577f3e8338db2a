#include "stages/audit/probe_figures.h"

#include <utility>

#include "stages/metric/balanced_accuracy.h"

namespace besom::stages {
namespace {

constexpr double kLevel = 0.95;

/// The classes that a figure is about.
std::vector<int> ClassesOf(const AuditSet& set,
                           const std::optional<std::pair<int, int>>& pair) {
  if (pair) return {pair->first, pair->second};
  std::vector<int> all(set.classes.size());
  for (std::size_t c = 0; c < all.size(); ++c) all[c] = static_cast<int>(c);
  return all;
}

std::vector<std::optional<std::pair<int, int>>> ComparisonsOf(
    const AuditSet& set, int most_paired) {
  std::vector<std::optional<std::pair<int, int>>> comparisons;
  const auto classes = static_cast<int>(set.classes.size());
  if (classes > 2) comparisons.push_back(std::nullopt);
  if (classes > most_paired) return comparisons;
  for (int a = 0; a < classes; ++a)
    for (int b = a + 1; b < classes; ++b)
      comparisons.push_back(std::pair(a, b));
  return comparisons;
}

/// What the largest of the probabilities of `among` hits, by class and group.
GroupRecalls RecallsOf(const AuditSet& set, const std::vector<int>& among,
                       const std::vector<double>& probabilities) {
  GroupRecalls recalls(among.size(), std::vector<GroupCount>(
                                         static_cast<std::size_t>(set.groups)));
  for (std::size_t i = 0; i < set.members.size(); ++i) {
    const double* row = &probabilities[i * set.classes.size()];
    std::size_t predicted = 0;
    for (std::size_t c = 1; c < among.size(); ++c)
      if (row[among[c]] > row[among[predicted]]) predicted = c;
    for (std::size_t c = 0; c < among.size(); ++c) {
      if (set.members[i].label != among[c]) continue;
      GroupCount& group =
          recalls[c][static_cast<std::size_t>(set.members[i].group)];
      ++group.size;
      group.hits += predicted == c ? 1 : 0;
    }
  }
  return recalls;
}

std::int64_t ImagesOf(const AuditSet& set, const std::vector<int>& among) {
  std::int64_t images = 0;
  for (const AuditMember& member : set.members)
    for (const int cls : among) images += member.label == cls ? 1 : 0;
  return images;
}

}  // namespace

std::vector<AuditFigure> FiguresOf(const AuditSet& set,
                                   const std::vector<double>& probabilities,
                                   int most_paired) {
  std::vector<AuditFigure> figures;
  for (const auto& pair : ComparisonsOf(set, most_paired)) {
    const std::vector<int> among = ClassesOf(set, pair);
    const GroupRecalls recalls = RecallsOf(set, among, probabilities);
    AuditFigure& figure = figures.emplace_back();
    figure.pair = pair;
    figure.chance = 1.0 / static_cast<double>(among.size());
    figure.images = ImagesOf(set, among);
    // Every class has images, so that this is estimable.
    figure.balanced_accuracy = BalancedAccuracy(recalls).value();
    figure.interval =
        BalancedAccuracyInterval(recalls, kLevel, OutOfFoldSpread(set.folds));
  }
  return figures;
}

std::vector<AuditFigure> FiguresOfNothing(const AuditSet& set,
                                          int most_paired) {
  std::vector<AuditFigure> figures;
  for (const auto& pair : ComparisonsOf(set, most_paired)) {
    AuditFigure& figure = figures.emplace_back();
    figure.pair = pair;
    const std::vector<int> among = ClassesOf(set, pair);
    figure.chance = 1.0 / static_cast<double>(among.size());
    figure.balanced_accuracy = figure.chance;
    figure.interval = {figure.chance, figure.chance, "constant", 0};
    figure.images = ImagesOf(set, among);
  }
  return figures;
}

void BoundTogether(const AuditSet& set, std::vector<AuditProbe>& probes) {
  std::size_t looks = 0;
  for (const AuditProbe& probe : probes)
    if (probe.may_alarm && probe.varies) looks += probe.figures.size();
  if (looks == 0) return;
  const double level = 1 - (1 - kLevel) / static_cast<double>(looks);
  for (AuditProbe& probe : probes) {
    if (!probe.may_alarm || !probe.varies) continue;
    for (AuditFigure& figure : probe.figures)
      figure.bound =
          BalancedAccuracyInterval(
              RecallsOf(set, ClassesOf(set, figure.pair), probe.probabilities),
              level, OutOfFoldSpread(set.folds))
              .low;
  }
}

}  // namespace besom::stages
