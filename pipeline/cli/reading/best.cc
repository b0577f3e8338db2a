#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "pipeline/cli/reading/audit_words.h"
#include "pipeline/cli/reading/reading_verbs.h"
#include "pipeline/cli/reading/sweep_summary.h"
#include "pipeline/cli/reading/table_text.h"
#include "pipeline/cli/reading/trial_record.h"
#include "pipeline/cli/reading/workspace_reader.h"

namespace besom::cli {
namespace {

/// " (0.81 to 0.97)", or nothing.
std::string IntervalText(const db::Cell& low, const db::Cell& high) {
  if (db::IsNull(low)) return "";
  return fmt::format("  ({} to {})", Fixed4(low), Fixed4(high));
}

Status PrintBest(db::Reader& reader, const std::string& named) {
  BESOM_ASSIGN_OR_RETURN(const std::string sweep, reader.FindSweep(named));
  BESOM_ASSIGN_OR_RETURN(const SweepSummary summary, SummaryOf(reader, sweep));
  if (!summary.best) {
    // FindTrial words why there is none.
    return reader.FindTrial("best", sweep).status();
  }
  const BestTrial& best = *summary.best;
  BESOM_ASSIGN_OR_RETURN(const TrialRecord record,
                         LoadTrial(reader, {sweep, best.trial}));
  std::string text =
      fmt::format("best trial of {}: {}\n\n{}\n{} on {}  {}{}\n",
                  PlainText(sweep), best.trial, TieNotice(best),
                  PlainText(best.metric), PlainText(best.split),
                  Fixed4(best.value), IntervalText(best.low, best.high));
  if (TieNotice(best).empty()) text.erase(text.find("\n\n") + 1, 1);
  if (best.split != "test") {
    text += fmt::format("{} on test  {}{}\n", PlainText(best.metric),
                        Fixed4(best.test_value),
                        IntervalText(best.test_low, best.test_high));
  }
  text += SelectionNotice(best);
  text += "\nparameters\n";
  std::size_t width = 0;
  for (const auto& [axis, value] : record.parameters.items()) {
    width = std::max(width, WidthOf(PlainText(axis)));
  }
  for (const auto& [axis, value] : record.parameters.items()) {
    text += fmt::format("  {}  {}\n", PadRight(PlainText(axis), width),
                        ValueText(value));
  }
  BESOM_ASSIGN_OR_RETURN(const AuditFindings audit, AuditOf(reader, sweep));
  const std::vector<std::string> found = AuditLines(audit);
  if (!found.empty()) text += "\nshortcut audit\n";
  for (const std::string& line : found) text += "  " + line + "\n";
  text += "\n" + StateCountsText(summary) + "\n";
  return Print(text);
}

}  // namespace

void AddBestVerb(CLI::App& app, const GlobalOptions& global,
                 VerbAction& action) {
  auto* verb = app.add_subcommand(
      "best", "Prints the best trial, its parameters and figures");
  const auto sweep = std::make_shared<std::string>();
  AddSweepOption(*verb, *sweep);
  verb->callback([&global, &action, sweep] {
    action = [&global, sweep] {
      return RunReading(global, [&](db::Reader& reader) {
        return PrintBest(reader, *sweep);
      });
    };
  });
}

}  // namespace besom::cli
