#include "pipeline/cli/reading/sweep_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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

namespace {

Result<std::optional<BestTrial>> BestOf(db::Reader& reader,
                                        const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT trial, metric, split, value, test_value, accuracy, "
                   "ties, undecided, split NOT IN ('train', 'validation'), "
                   "low, high, test_low, test_high, coalesce(violation, 0), "
                   "optimistic FROM leaderboard WHERE sweep = ? AND rank = 1",
                   {sweep}));
  if (rows.rows.empty()) return std::optional<BestTrial>();
  const auto& row = rows.rows[0];
  BestTrial best{.trial = db::TextOf(row[0]),
                 .metric = db::TextOf(row[1]),
                 .split = db::TextOf(row[2]),
                 .value = row[3],
                 .test_value = row[4],
                 .accuracy = row[5],
                 .ties = db::IntegerOf(row[6]),
                 .undecided = db::IntegerOf(row[7]),
                 .on_held_out = db::IntegerOf(row[8]) != 0,
                 .low = row[9],
                 .high = row[10],
                 .test_low = row[11],
                 .test_high = row[12],
                 .violation = db::NumberOf(row[13]),
                 .optimistic = db::IntegerOf(row[14]) != 0};
  BESOM_ASSIGN_OR_RETURN(
      const db::Table bounds,
      reader.Query("SELECT subject_to FROM bounds WHERE sweep = ? "
                   "ORDER BY position",
                   {sweep}));
  for (const auto& bound : bounds.rows)
    best.bounds.push_back(db::TextOf(bound[0]));
  return std::optional(std::move(best));
}

}  // namespace

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
  BESOM_ASSIGN_OR_RETURN(summary.best, BestOf(reader, sweep));
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
  std::string text;
  if (best.on_held_out)
    text += fmt::format(
        "selected on {}: its figures there are too good to be "
        "expected of new images\n",
        PlainText(best.split));
  if (best.violation > 0)
    text += fmt::format(
        "no trial meets {}: this one comes closest, off by {:.4g}\n",
        PlainText(fmt::format("{}", fmt::join(best.bounds, " and "))),
        best.violation);
  if (best.optimistic && !best.on_held_out)
    text += fmt::format(
        "chosen as the best of several on {}: its figures and intervals there "
        "are optimistic\n",
        PlainText(best.split));
  return text;
}

Result<int> ExitCodeOfSweep(const Path& database, const std::string& sweep) {
  const auto reader = db::Reader::Open(database);
  if (reader.status().code() == StatusCode::kNotFound) return 3;
  if (!reader.ok()) return reader.status();
  BESOM_ASSIGN_OR_RETURN(const SweepSummary summary,
                         SummaryOf(**reader, sweep));
  return summary.ExitCode();
}

}  // namespace besom::cli
