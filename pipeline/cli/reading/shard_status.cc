#include "pipeline/cli/reading/shard_status.h"

#include <fmt/format.h>

#include "pipeline/cli/reading/table_text.h"
#include "pipeline/run/run_targets.h"

namespace besom::cli {
namespace {

std::string CountsText(const run::PartStates& part) {
  if (!part.begun) return "not begun";
  if (!part.unreadable.ok())
    return fmt::format("cannot be read: {}; {}", part.unreadable.cause(),
                       part.unreadable.cure());
  SweepSummary summary;
  summary.planned = static_cast<std::int64_t>(part.trials.size());
  for (const db::TrialStatus& trial : part.trials)
    ++summary.states[std::string(db::NameOf(trial.state))];
  return StateCountsText(summary);
}

}  // namespace

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
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT trial, state FROM trials WHERE sweep = ? AND "
                   "planned",
                   {summary.sweep}));
  const bool alive = run::AnyAlive(open_runs);
  run::TrialStates states;
  for (const auto& row : rows.rows) {
    db::TrialState& state = states[db::TextOf(row[0])];
    state =
        db::TrialStateOf(db::TextOf(row[1])).value_or(db::TrialState::kPending);
    if (state == db::TrialState::kRunning && !alive)
      state = db::TrialState::kPending;
  }
  run::AddPartStates(parts, states);
  summary.states.clear();
  for (const auto& [trial, state] : states)
    ++summary.states[std::string(db::NameOf(state))];
  return Status::Ok();
}

std::string ShardsText(const std::vector<run::PartStates>& parts) {
  std::string text, failures;
  for (const run::PartStates& part : parts) {
    text +=
        fmt::format("  shard {}: {}", part.shard.ToText(), CountsText(part));
    for (const run::OpenRun& run : part.open_runs)
      text += "; " + OpenRunText(run);
    text += '\n';
    for (const db::TrialStatus& trial : part.trials)
      if (trial.state == db::TrialState::kFailed)
        failures += fmt::format("  failed {}: {}\n", trial.trial,
                                PlainText(trial.error));
  }
  return text + failures;
}

std::string UnmergedNote(const WorkspaceLayout& layout) {
  const Result<std::vector<Path>> parts = layout.ListAllParts();
  if (!parts.ok() || parts->empty()) return "";
  return fmt::format(
      "besom: note: {} of shards {} not merged yet, so what {} is missing "
      "here: `besom run SPEC` merges\n",
      parts->size() == 1 ? "1 part" : fmt::format("{} parts", parts->size()),
      parts->size() == 1 ? "is" : "are",
      parts->size() == 1 ? "it holds" : "they hold");
}

}  // namespace besom::cli
