#pragma once

#include "db/results_store.h"
#include "pipeline/run/task_forecast.h"
#include "pipeline/run/time_budget.h"

namespace besom::run {

/// Adds to `rates` how long the last tasks took that `results` tells of,
/// whatever the sweep.
Status LearnRates(db::ResultsStore& results, TaskRates& rates);

/// The time that the ranks of a job have, and what is known of how long tasks
/// take: in this run, else what is `known` from before. Borrows the graph.
class JobTime {
 public:
  JobTime(const TaskGraph& graph, TaskRates known, TimeBudgetOptions options);
  TimeBudget& budget() { return budget_; }

 private:
  RateForecast forecast_;
  TimeBudget budget_;
};

}  // namespace besom::run
