#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/graph/task_graph.h"

namespace besom::run {

/// Whether a task of the stage uses all threads of its rank.
bool UsesAllThreads(std::string_view stage);

/// How long tasks took that have finished, by kinds whose times are comparable:
/// a stage, of `features` also the base, of `fine_tune` also what is trained of
/// it. One thread at a time.
class TaskRates {
 public:
  /// A task of `stage` that had `params` took `seconds` of a rank and left
  /// these counters. One that went on from a checkpoint tells nothing.
  /// REQUIRES: `params` are those of a planned task.
  void Learn(const std::string& stage, const Json& params, const Json& counters,
             double seconds);
  /// Seconds of one core that `node` takes; none: no task of its kind is
  /// known.
  std::optional<double> CoreSeconds(const TaskNode& node) const;

 private:
  struct Rate {
    double units = 0, seconds = 0;
  };
  double trained_ = 0;  // Images of a fit.
  std::map<std::string, Rate> rates_;
};

}  // namespace besom::run
