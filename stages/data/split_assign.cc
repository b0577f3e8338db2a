#include "stages/data/split_assign.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "pipeline/base/check.h"
#include "pipeline/base/digest.h"
#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

// A misfit beyond the bound, and a part without a class that it needs, weigh
// more than any sum of small misfits.
constexpr double kBeyondBound = 100.0;
constexpr double kMissing = 1e6;
// A misfit of a part's size decides between assignments that are as good by
// class, and little else.
constexpr double kSize = 0.05;
// Gains below this are rounding.
constexpr double kLeastGain = 1e-9;
constexpr int kMostRounds = 30;
constexpr std::size_t kMostSwapTries = 48, kLeastSwapTries = 4;
constexpr std::size_t kSwapsPerRound = 200'000;

/// The state of one assignment.
class Assignment {
 public:
  Assignment(const std::vector<CountedGroup>& groups, const PartWishes& wishes)
      : groups_(groups),
        wishes_(wishes),
        got_(wishes.wanted.size(),
             std::vector<int>(wishes.wanted.front().size())),
        size_(wishes.wanted.size()),
        part_(groups.size(), -1),
        largest_(wishes.wanted.front().size(), 1),
        nothing_{"", std::vector<int>(wishes.wanted.front().size())} {
    for (const CountedGroup& group : groups) {
      for (std::size_t c = 0; c < largest_.size(); ++c)
        largest_[c] = std::max(largest_[c], group.counts[c]);
      largest_group_ = std::max(largest_group_, SizeOf(group));
    }
    for (const std::vector<double>& part : wishes.wanted)
      wanted_size_.push_back(std::accumulate(part.begin(), part.end(), 0.0));
  }

  int parts() const { return static_cast<int>(got_.size()); }
  int part(std::size_t group) const { return part_[group]; }
  const std::vector<int>& result() const { return part_; }

  /// How much the misfit of `part` grows when `plus` joins and `minus` (may be
  /// null) leaves.
  double Growth(int part, const CountedGroup& plus,
                const CountedGroup* minus) const {
    double growth = 0;
    for (std::size_t c = 0; c < largest_.size(); ++c) {
      const int change =
          plus.counts[c] - (minus == nullptr ? 0 : minus->counts[c]);
      if (change == 0) continue;
      const int got = got_[static_cast<std::size_t>(part)][c];
      growth += Misfit(part, c, got + change) - Misfit(part, c, got);
    }
    if (!wishes_.even) return growth;
    const int change = SizeOf(plus) - (minus == nullptr ? 0 : SizeOf(*minus));
    const int size = size_[static_cast<std::size_t>(part)];
    return growth + SizeMisfit(part, size + change) - SizeMisfit(part, size);
  }
  /// The same when `minus` leaves and nothing joins.
  double GrowthWithout(int part, const CountedGroup& minus) const {
    return Growth(part, nothing_, &minus);
  }

  void Put(std::size_t group, int part) {
    const int before = part_[group];
    for (std::size_t c = 0; c < largest_.size(); ++c) {
      const int count = groups_[group].counts[c];
      if (before >= 0) got_[static_cast<std::size_t>(before)][c] -= count;
      got_[static_cast<std::size_t>(part)][c] += count;
    }
    const int size = SizeOf(groups_[group]);
    if (before >= 0) size_[static_cast<std::size_t>(before)] -= size;
    size_[static_cast<std::size_t>(part)] += size;
    part_[group] = part;
  }

  /// Puts `group` where the misfit is least; true when it moved.
  bool PutBest(std::size_t group) {
    const int before = part_[group];
    const double leave = before < 0 ? 0 : GrowthWithout(before, groups_[group]);
    int best = before;
    double best_growth = before < 0 ? INFINITY : -kLeastGain;
    for (int part = 0; part < parts(); ++part) {
      if (part == before) continue;
      const double growth = leave + Growth(part, groups_[group], nullptr);
      if (growth >= best_growth) continue;
      best = part;
      best_growth = growth;
    }
    if (best == before) return false;
    Put(group, best);
    return true;
  }

  bool SwapIfBetter(std::size_t a, std::size_t b) {
    if (part_[a] == part_[b]) return false;
    const double growth = Growth(part_[a], groups_[b], &groups_[a]) +
                          Growth(part_[b], groups_[a], &groups_[b]);
    if (growth >= -kLeastGain) return false;
    const int part_a = part_[a], part_b = part_[b];
    Put(a, part_b);
    Put(b, part_a);
    return true;
  }

 private:
  static int SizeOf(const CountedGroup& group) {
    return std::accumulate(group.counts.begin(), group.counts.end(), 0);
  }
  double SizeMisfit(int part, int size) const {
    const double miss =
        (size - wanted_size_[static_cast<std::size_t>(part)]) / largest_group_;
    return kSize * miss * miss;
  }
  double Misfit(int part, std::size_t c, int got) const {
    const auto p = static_cast<std::size_t>(part);
    const double miss = std::abs(got - wishes_.wanted[p][c]) / largest_[c];
    const double beyond = std::max(0.0, miss - 1.0);
    return miss * miss + kBeyondBound * beyond * (1.0 + beyond) +
           (got == 0 && wishes_.needed[p][c] ? kMissing : 0.0);
  }

  const std::vector<CountedGroup>& groups_;
  const PartWishes& wishes_;
  std::vector<std::vector<int>> got_;
  std::vector<int> size_;  ///< Of each part, images.
  std::vector<double> wanted_size_;
  std::vector<int> part_;
  std::vector<int> largest_;
  int largest_group_ = 1;
  CountedGroup nothing_;
};

std::vector<std::size_t> DrawOrder(const std::vector<CountedGroup>& groups,
                                   const SplitDraw& draw) {
  std::vector<std::tuple<std::uint64_t, std::string_view, std::size_t>> keys;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::uint64_t name =
        DigestOf(std::string_view(groups[i].name)).Prefix64();
    KeyedRandom random(draw.seed, "split", {draw.repeat, draw.step, name});
    keys.emplace_back(random.Next64(), groups[i].name, i);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::size_t> order;
  for (const auto& key : keys) order.push_back(std::get<2>(key));
  return order;
}

}  // namespace

std::vector<int> AssignGroups(const std::vector<CountedGroup>& groups,
                              const PartWishes& wishes, const SplitDraw& draw) {
  BESOM_CHECK(!wishes.wanted.empty(), "no part to assign to");
  if (groups.empty()) return {};
  Assignment assignment(groups, wishes);
  const std::vector<std::size_t> order = DrawOrder(groups, draw);
  for (const std::size_t group : order) assignment.PutBest(group);
  KeyedRandom partners(draw.seed, "split swaps", {draw.repeat, draw.step});
  const std::size_t tries = std::clamp(kSwapsPerRound / groups.size(),
                                       kLeastSwapTries, kMostSwapTries);
  for (int round = 0; round < kMostRounds; ++round) {
    bool better = false;
    for (const std::size_t group : order) better |= assignment.PutBest(group);
    for (const std::size_t group : order)
      for (std::size_t attempt = 0; attempt < tries; ++attempt)
        better |=
            assignment.SwapIfBetter(group, order[partners.Below(order.size())]);
    if (!better) break;
  }
  return assignment.result();
}

}  // namespace besom::stages
