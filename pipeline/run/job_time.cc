#include "pipeline/run/job_time.h"

#include <utility>

#include "pipeline/run/stage_versions.h"
#include "pipeline/run/task_costs.h"

namespace besom::run {
namespace {

Result<TaskRates> RatesOf(db::ResultsStore& results) {
  constexpr int kEnough = 500;  // Of a stage; a workspace may hold 100,000.
  TaskRates rates;
  for (const std::string& stage : StageOrder()) {
    BESOM_ASSIGN_OR_RETURN(const std::vector<db::ActionRow> rows,
                           results.LatestActions(stage, kEnough));
    for (const db::ActionRow& row : rows) {
      BESOM_ASSIGN_OR_RETURN(const Json params,
                             ParseJson(row.params, row.label));
      rates.Learn(stage, params, row.counters, row.seconds);
    }
  }
  return rates;
}

}  // namespace

JobTime::JobTime(const TaskGraph& graph, TaskRates known,
                 TimeBudgetOptions options)
    : forecast_(graph, std::move(known), RelativeSpeed(options.threads)),
      budget_(graph, forecast_, options) {}

Result<std::unique_ptr<JobTime>> JobTime::Make(const TaskGraph& graph,
                                               db::ResultsStore& results,
                                               TimeBudgetOptions options) {
  BESOM_ASSIGN_OR_RETURN(TaskRates known, RatesOf(results));
  return std::unique_ptr<JobTime>(
      new JobTime(graph, std::move(known), options));
}

}  // namespace besom::run
