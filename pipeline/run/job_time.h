#pragma once

#include <memory>

#include "db/results_store.h"
#include "pipeline/run/task_forecast.h"
#include "pipeline/run/time_budget.h"

namespace besom::run {

/// The time that the ranks of a job have, and what is known of how long tasks
/// take: in this run, else the last ones that `results` tells of, whatever the
/// sweep. Borrows the graph.
class JobTime {
 public:
  static Result<std::unique_ptr<JobTime>> Make(const TaskGraph& graph,
                                               db::ResultsStore& results,
                                               TimeBudgetOptions options);
  TimeBudget& budget() { return budget_; }

 private:
  JobTime(const TaskGraph& graph, TaskRates known, TimeBudgetOptions options);

  RateForecast forecast_;
  TimeBudget budget_;
};

}  // namespace besom::run
