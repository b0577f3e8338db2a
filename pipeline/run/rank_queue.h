#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "pipeline/run/assignment.h"

namespace besom::run {

/// A task at a rank, as rank 0 knows it.
struct HeldTask {
  TaskId task = 0;
  int attempt = 0;
  std::int64_t bundle = 0;  ///< As in Assignment.
  bool leads = true;        ///< Of several ranks, the one that decides.
  bool closed = false;    ///< Not sent: keeps the rank free for another's task.
  bool given_up = false;  ///< Runs elsewhere, or nowhere any more.
  bool recalled = false;
};

/// What a rank holds: the first bundle runs. Plain data.
struct RankQueue {
  std::vector<HeldTask> held;
  double seconds = 0;  ///< Predicted, of all that it holds.
  double deadline = std::numeric_limits<double>::infinity();
  bool lost = false, silent = false;
  std::optional<std::size_t> listed;  ///< With what size in OpenRanks.

  /// Whether the rank may be given more: one bundle beside the one that runs,
  /// and more of what takes little time.
  bool HasRoom(const SchedulerOptions& options) const;
  /// Whether it is worth asking for its last task.
  bool MayGiveBack() const;
  /// Whether place `i` runs, or is in the call that runs.
  bool Runs(std::size_t i) const {
    return held[i].bundle == held.front().bundle;
  }
  /// How many tasks run in one call; 0 = nothing is held.
  std::size_t Running() const;
};

}  // namespace besom::run
