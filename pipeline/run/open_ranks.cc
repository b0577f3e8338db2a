#include "pipeline/run/open_ranks.h"

#include <algorithm>

namespace besom::run {

void OpenRanks::Add(int rank, std::size_t held) {
  of_kind_[suits_.kind_of(rank)].emplace(held, rank);
}

void OpenRanks::Remove(int rank, std::size_t held) {
  of_kind_[suits_.kind_of(rank)].erase({held, rank});
}

bool OpenRanks::any() const {
  return std::ranges::any_of(of_kind_,
                             [](const auto& ranks) { return !ranks.empty(); });
}

std::size_t OpenRanks::CountIdle(std::size_t most) const {
  std::size_t idle = 0;
  for (const auto& ranks : of_kind_) {
    std::size_t here = 0;
    for (const auto& [held, rank] : ranks) {
      if (held > 0 || here == most) break;
      ++here;
    }
    idle += here;
  }
  return idle;
}

bool OpenRanks::HasFor(TaskId task) const {
  return std::ranges::any_of(KindsFor(task),
                             [&](int kind) { return !of_kind_[kind].empty(); });
}

std::optional<std::pair<std::size_t, int>> OpenRanks::Best(TaskId task) const {
  std::optional<std::pair<std::size_t, int>> best;
  for (const int kind : KindsFor(task)) {
    const auto fits = std::ranges::find_if(of_kind_[kind], [&](const auto& it) {
      return memory_.Fits(task, it.second);
    });
    if (fits != of_kind_[kind].end() && (!best || *fits < *best)) best = *fits;
  }
  return best;
}

bool OpenRanks::HasIdle(TaskId task) const {
  const auto best = Best(task);
  return best && best->first == 0;
}

std::vector<int> OpenRanks::Idle(TaskId task, std::size_t count) const {
  std::vector<int> idle;
  for (const int kind : KindsFor(task)) {
    std::size_t here = 0;
    for (const auto& [held, rank] : of_kind_[kind]) {
      if (held > 0 || here == count) break;
      if (!memory_.Fits(task, rank)) continue;
      idle.push_back(rank);
      ++here;
    }
  }
  std::ranges::sort(idle);
  idle.resize(idle.size() < count ? 0 : count);
  return idle;
}

}  // namespace besom::run
