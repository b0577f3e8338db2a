#include "pipeline/cli/reading/run_status.h"

#include <fmt/format.h>

#include "pipeline/cli/reading/table_text.h"
#include "pipeline/run/run_targets.h"

namespace besom::cli {

std::string OpenRunText(const run::OpenRun& run) {
  return fmt::format("run on {}, pid {}, {} ranks{}, since {}, {}",
                     PlainText(run.host), run.pid, run.ranks,
                     run.job.empty() ? "" : ", job " + PlainText(run.job),
                     run.started,
                     run.alive ? "without an end so far"
                               : "gone without an end: the next run goes on");
}

Status CountTrials(db::Reader& reader,
                   const std::vector<run::OpenRun>& open_runs,
                   const std::vector<run::PartStates>& parts,
                   SweepSummary& summary) {
  // Nothing to correct; a sweep may have 100,000 trials, and --watch looks
  // every second.
  if (parts.empty() &&
      (summary.Count("running") == 0 || run::AnyAlive(open_runs)))
    return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT trial, state FROM trials WHERE sweep = ? AND "
                   "planned",
                   {summary.sweep}));
  run::TrialStates states;
  for (const auto& row : rows.rows)
    states[db::TextOf(row[0])] = run::StateWith(open_runs, db::TextOf(row[1]));
  run::AddPartStates(parts, states);
  summary.states.clear();
  for (const auto& [trial, state] : states)
    ++summary.states[std::string(db::NameOf(state))];
  return Status::Ok();
}

}  // namespace besom::cli
