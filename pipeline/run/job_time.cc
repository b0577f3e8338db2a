#include "pipeline/run/job_time.h"

#include <utility>

#include "pipeline/run/stage_versions.h"
#include "pipeline/run/task_costs.h"

namespace besom::run {

Status LearnRates(db::ResultsStore& results, TaskRates& rates) {
  constexpr int kEnough = 500;  // Of a stage; a workspace may hold 100,000.
  for (const std::string& stage : StageOrder()) {
    BESOM_ASSIGN_OR_RETURN(const std::vector<db::ActionRow> rows,
                           results.LatestActions(stage, kEnough));
    for (const db::ActionRow& row : rows) {
      BESOM_ASSIGN_OR_RETURN(const Json params,
                             ParseJson(row.params, row.label));
      rates.Learn(stage, params, row.counters, row.seconds);
    }
  }
  return Status::Ok();
}

JobTime::JobTime(const TaskGraph& graph, TaskRates known,
                 TimeBudgetOptions options)
    : forecast_(graph, std::move(known), RelativeSpeed(options.threads)),
      budget_(graph, forecast_, options) {}

}  // namespace besom::run
