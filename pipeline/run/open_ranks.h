#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "pipeline/run/memory_book.h"
#include "pipeline/run/suitability.h"

namespace besom::run {

/// The ranks with room for a further task, those that hold least first.
/// Borrows both. One thread at a time.
class OpenRanks {
 public:
  OpenRanks(const Suitability& suits, const MemoryBook& memory)
      : suits_(suits), memory_(memory), of_kind_(suits.kinds()) {}

  /// `rank` has room and holds `held` tasks. REQUIRES: it is not listed.
  void Add(int rank, std::size_t held);
  /// REQUIRES: it is listed with `held`.
  void Remove(int rank, std::size_t held);

  bool any() const;
  /// How many ranks that hold nothing, `most` at most of each kind.
  std::size_t CountIdle(std::size_t most) const;
  /// Some listed rank can compute `task`, be its memory there or not.
  bool HasFor(TaskId task) const;

  /// Of those that can compute `task` and have memory for it: the one that
  /// holds least, as (held, rank);
  std::optional<std::pair<std::size_t, int>> Best(TaskId task) const;
  /// whether one holds nothing;
  bool HasIdle(TaskId task) const;
  /// `count` that hold nothing, ascending; empty when there are fewer.
  std::vector<int> Idle(TaskId task, std::size_t count) const;

 private:
  const std::vector<int>& KindsFor(TaskId task) const {
    return suits_.kinds_of(suits_.class_of()[task]);
  }

  const Suitability& suits_;
  const MemoryBook& memory_;
  std::vector<std::set<std::pair<std::size_t, int>>> of_kind_;
};

}  // namespace besom::run
