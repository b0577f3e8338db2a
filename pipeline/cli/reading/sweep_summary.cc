#include "pipeline/cli/reading/sweep_summary.h"

#include <fmt/format.h>

#include "pipeline/cli/reading/table_text.h"

namespace besom::cli {

std::int64_t SweepSummary::Count(const std::string& state) const {
  const auto found = states.find(state);
  return found == states.end() ? 0 : found->second;
}

int SweepSummary::ExitCode() const {
  const bool open = Count("pending") + Count("running") + Count("preempted") +
                        Count("cancelled") >
                    0;
  if (planned == 0 || open) return 3;
  return Count("failed") > 0 ? 1 : 0;
}

Result<SweepSummary> SummaryOf(db::Reader& reader, const std::string& sweep) {
  SweepSummary summary;
  summary.sweep = sweep;
  BESOM_ASSIGN_OR_RETURN(
      const db::Table states,
      reader.Query("SELECT state, planned, count(*) FROM trials WHERE sweep = "
                   "? GROUP BY state, planned",
                   {sweep}));
  for (const auto& row : states.rows) {
    const std::int64_t count = db::IntegerOf(row[2]);
    if (db::IntegerOf(row[1]) == 0) {
      summary.unplanned += count;
      continue;
    }
    summary.states[db::TextOf(row[0])] = count;
    summary.planned += count;
  }
  BESOM_ASSIGN_OR_RETURN(
      const db::Table best,
      reader.Query("SELECT l.trial, l.metric, l.split, l.value, l.test_value, "
                   "l.accuracy, l.ties, l.undecided, l.split NOT IN "
                   "('train', 'validation') FROM leaderboard l WHERE "
                   "l.sweep = ? AND l.rank = 1",
                   {sweep}));
  if (best.rows.empty()) return summary;
  const auto& row = best.rows[0];
  summary.best = BestTrial{db::TextOf(row[0]),
                           db::TextOf(row[1]),
                           db::TextOf(row[2]),
                           row[3],
                           row[4],
                           row[5],
                           db::IntegerOf(row[6]),
                           db::IntegerOf(row[7]),
                           db::IntegerOf(row[8]) != 0};
  return summary;
}

std::string StateCountsText(const SweepSummary& summary) {
  std::string text = fmt::format("{} trials", summary.planned);
  std::string_view between = ": ";
  for (const char* state : {"done", "running", "pending", "pruned", "failed",
                            "preempted", "cancelled"}) {
    if (summary.Count(state) == 0) continue;
    text += fmt::format("{}{} {}", between, summary.Count(state), state);
    between = ", ";
  }
  if (summary.unplanned > 0) {
    text +=
        fmt::format(" ({} more are no longer in the spec)", summary.unplanned);
  }
  return text;
}

std::string TieNotice(const BestTrial& best) {
  if (best.ties == 0) return "";
  std::string text = fmt::format("tie: {} other {} the same {}", best.ties,
                                 best.ties == 1 ? "trial has" : "trials have",
                                 PlainText(best.metric));
  text += best.undecided == 0
              ? "; the next criteria decided\n"
              : fmt::format(
                    "; {} of them equal by every criterion, so only "
                    "the trial's id decided\n",
                    best.undecided);
  return text;
}

std::string SelectionNotice(const BestTrial& best) {
  if (!best.on_held_out) return "";
  return fmt::format(
      "selected on {}: its figures there are too good to be "
      "expected of new images\n",
      PlainText(best.split));
}

}  // namespace besom::cli
