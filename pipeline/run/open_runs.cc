#include "pipeline/run/open_runs.h"

#include <algorithm>

#include "pipeline/store/run_lock.h"

namespace besom::run {

Result<std::vector<OpenRun>> OpenRunsOf(db::Reader& reader,
                                        const WorkspaceLayout& layout,
                                        const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT run, host, pid, coalesce(job, ''), ranks, started "
                   "FROM runs WHERE sweep = ? AND ended IS NULL "
                   "ORDER BY started",
                   {sweep}));
  std::vector<OpenRun> runs;
  for (const auto& row : rows.rows) {
    OpenRun& run = runs.emplace_back();
    run.run = db::TextOf(row[0]);
    run.host = db::TextOf(row[1]);
    run.pid = db::IntegerOf(row[2]);
    run.job = db::TextOf(row[3]);
    run.ranks = db::IntegerOf(row[4]);
    run.started = db::TextOf(row[5]);
    const Result<bool> alive = IsRunAlive(layout, run.run);
    run.alive = !alive.ok() || *alive;
  }
  return runs;
}

bool AnyAlive(const std::vector<OpenRun>& runs) {
  return std::ranges::any_of(runs, &OpenRun::alive);
}

db::TrialState StateWith(const std::vector<OpenRun>& runs,
                         std::string_view state) {
  const db::TrialState known =
      db::TrialStateOf(state).value_or(db::TrialState::kPending);
  return known == db::TrialState::kRunning && !AnyAlive(runs)
             ? db::TrialState::kPending
             : known;
}

}  // namespace besom::run
