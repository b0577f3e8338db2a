#pragma once

#include <cstddef>
#include <vector>

#include "pipeline/run/planner.h"
#include "pipeline/run/task_order.h"

namespace besom::testing {

/// What the features tasks of a plan need of their ranks.
inline constexpr char kSimNumerics[] = "cuda/simulated/fp32/any";

/// A sweep as the planner makes it, with what every task must leave behind.
struct SimPlan {
  run::SweepGraph sweep;
  std::vector<run::TaskOutputs> outputs;  ///< By task.
  std::vector<TaskId> evaluations;        ///< One per trial.
};

/// How many ranks compute a trial of a plan together.
enum class SimTrials {
  kOfOneRank,
  kMixed,          ///< Most one, the others 2, 3, 4 or 8.
  kOfSeveralRanks  ///< 2, 3, 4 or 8.
};

/// Plans a sweep of about `tasks` tasks through the real planner: a few
/// shards of images, a few backbones, the rest trials.
SimPlan MakeSimPlan(std::size_t tasks, SimTrials trials);

}  // namespace besom::testing
