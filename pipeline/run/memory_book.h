#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "pipeline/graph/task_graph.h"
#include "pipeline/run/rank_traits.h"

namespace besom::run {

/// Which tasks may be at ranks that share the memory of a GPU or of a host, so
/// that all fit into it. What a task needs is known from the first one of its
/// space that ended, or from the user; until then it has the device to itself.
///
/// A rank that shares keeps device memory only while it holds such tasks, and
/// runs one at a time: it needs what the largest of them needs.
/// One thread at a time.
class MemoryBook {
 public:
  /// `bytes_per_rank`: what the user says that a task needs at most; 0 = to be
  /// measured on GPUs, and not looked at on hosts.
  MemoryBook(const TaskGraph& graph, const std::vector<RankTraits>& ranks,
             std::int64_t bytes_per_rank);

  /// By task: equal for tasks that need the same memory; -1 = none that is
  /// looked at.
  const std::vector<int>& space_of() const { return space_of_; }
  /// Whether `task` may go to `rank` beside what the others hold.
  bool Fits(TaskId task, int rank) const;
  /// Whether some rank holds a task of the same space.
  bool IsHeld(TaskId task) const;
  /// A rank holds a task from now on, and no longer.
  void Hold(int rank, TaskId task);
  void Drop(int rank, TaskId task);

  /// A task of this space took `peak_bytes` of a device that has
  /// `device_bytes`; both above 0.
  void Measured(TaskId task, std::int64_t peak_bytes,
                std::int64_t device_bytes);

 private:
  /// Tasks that need the same.
  struct Space {
    bool on_gpu = false;
    double bytes = 0;         // Infinite while it is not known.
    double device_bytes = 0;  // Of the GPUs with this tag; 0 = not known.
    int held = 0;
  };

  const std::vector<int>* Sharers(const Space& space, int rank) const;
  double Footprint(int rank, bool on_gpu) const;

  std::vector<int> space_of_;
  std::vector<Space> spaces_;
  std::vector<RankTraits> ranks_;
  std::map<int, std::vector<int>> on_gpu_, on_host_;  // Ranks.
  std::vector<std::map<int, int>> held_;  // By rank: space -> tasks.
  const std::int64_t bytes_per_rank_;
};

}  // namespace besom::run
