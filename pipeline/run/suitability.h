#pragma once

#include <cstddef>
#include <vector>

#include "pipeline/graph/task_graph.h"
#include "pipeline/run/rank_traits.h"

namespace besom::run {

/// Which ranks can compute which tasks. Tasks that need the same of a rank are
/// one class, ranks that offer the same one kind, so that a scheduler looks at
/// a few of them instead of all pairs. Immutable.
class Suitability {
 public:
  /// `space_of`: of each task, the memory that it needs (MemoryBook); tasks of
  /// one class need the same.
  Suitability(const TaskGraph& graph, const std::vector<RankTraits>& ranks,
              const std::vector<int>& space_of);

  std::size_t kinds() const { return kinds_; }
  /// By task: its class.
  const std::vector<int>& class_of() const { return class_of_; }
  int kind_of(int rank) const { return kind_of_[rank]; }
  /// The kinds of ranks that can compute a class, ascending.
  const std::vector<int>& kinds_of(int task_class) const {
    return kinds_of_[task_class];
  }
  bool Suits(TaskId task, int rank) const;

 private:
  std::vector<int> class_of_, kind_of_;
  std::vector<std::vector<int>> kinds_of_;  // By class.
  std::size_t kinds_ = 0;
};

}  // namespace besom::run
