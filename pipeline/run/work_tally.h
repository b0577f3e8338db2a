#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "pipeline/run/planner.h"
#include "pipeline/run/task_messages.h"

namespace besom::run {

/// Counts what a run does, for the words at its end. Borrows the sweep.
/// One thread at a time.
class WorkTally {
 public:
  explicit WorkTally(const SweepGraph& sweep) : sweep_(sweep) {}

  /// A task ended well on `rank`.
  void Add(const TaskReport& report, const TaskNode& node, int rank);

  /// One line about what was shared, and one for each base that was passed:
  ///   24 fits need 58776 passes of images through frozen bases; 2449 were
  ///   computed, 95.8 % saved
  ///   efficientnet_lite0: 2449 images, 308 images/s, 97 % of its engine's own
  ///   rate
  /// The rate is that of all ranks that took part; the engine's own is the one
  /// that it has while it computes.
  std::vector<std::string> Lines() const;

 private:
  struct Base {
    double rows = 0, seconds = 0;  // Of the ranks.
    double lane_seconds = 0, engine_seconds = 0;
    std::set<int> ranks;
  };

  double RowsOf(TaskId task) const;
  double RowsOfAllFits() const;
  std::string LineOf(const std::string& name, const Base& base) const;

  const SweepGraph& sweep_;
  std::map<std::string, Base> bases_;
  std::map<TaskId, double> rows_;  // As reported.
  double computed_ = 0;
};

}  // namespace besom::run
