#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <thread>

#include "pipeline/cli/reading/jobs_text.h"
#include "pipeline/cli/reading/reading_verbs.h"
#include "pipeline/cli/reading/run_status.h"
#include "pipeline/cli/reading/shard_status.h"
#include "pipeline/cli/reading/sweep_summary.h"
#include "pipeline/cli/reading/table_text.h"
#include "pipeline/cli/reading/workspace_reader.h"
#include "pipeline/store/job_record.h"

namespace besom::cli {
namespace {

/// Time between two looks of --watch.
constexpr std::chrono::seconds kWatchPeriod{1};
/// Lines of failures that are printed; more are counted.
constexpr std::size_t kMostFailures = 10;

struct StatusOptions {
  std::string sweep;
  std::string sweep_option;
  bool watch = false;
  bool exit_code = false;
};

struct StatusText {
  std::string text;
  int exit_code = 0;     ///< The worst of all sweeps.
  bool working = false;  ///< Something is pending or running.
};

Result<std::string> FailuresText(db::Reader& reader, const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table failed,
      reader.Query("SELECT trial, error FROM trials WHERE sweep = ? AND "
                   "planned AND state = 'failed' ORDER BY ordinal",
                   {sweep}));
  std::string text;
  for (std::size_t i = 0; i < failed.rows.size(); ++i) {
    if (i == kMostFailures) {
      text += fmt::format("  and {} more failed\n", failed.rows.size() - i);
      break;
    }
    text += fmt::format("  failed {}: {}\n", PlainText(failed.rows[i][0]),
                        PlainText(failed.rows[i][1]));
  }
  return text;
}

std::string Indented(const std::string& lines) {
  std::string text;
  bool at_start = true;
  for (const char c : lines) {
    if (at_start) text += "  ";
    text += c;
    at_start = c == '\n';
  }
  return text;
}

Result<std::string> SweepText(db::Reader& reader, const WorkspaceLayout& layout,
                              const SweepSummary& summary,
                              const std::vector<run::OpenRun>& open_runs,
                              const std::vector<run::PartStates>& parts) {
  std::string text = fmt::format("{}  {}\n", PlainText(summary.sweep),
                                 StateCountsText(summary));
  BESOM_ASSIGN_OR_RETURN(
      const db::Table stages,
      reader.Query("SELECT stage, tasks, cached, round(seconds, 2) AS seconds, "
                   "round(images_per_second, 1) AS \"images/s\" FROM "
                   "task_times WHERE sweep = ? ORDER BY CASE stage "
                   "WHEN 'scan' THEN 0 WHEN 'ingest' THEN 1 WHEN 'split' THEN "
                   "2 WHEN 'augment' THEN 3 WHEN 'features' THEN 4 WHEN "
                   "'fine_tune' THEN 5 ELSE 6 END, stage",
                   {summary.sweep}));
  if (!stages.rows.empty()) {
    text += Indented(FormatTable(stages, TableFormat::kTable));
  }
  if (summary.best) {
    const BestTrial& best = *summary.best;
    text += fmt::format("  best {}  {} on {} {}, on test {}\n", best.trial,
                        PlainText(best.metric), PlainText(best.split),
                        Fixed4(best.value), Fixed4(best.test_value));
    text += Indented(TieNotice(best) + SelectionNotice(best));
  }
  std::string runs;
  // One that died after its last trial has left nothing to go on with.
  const bool has_work = summary.ExitCode() == 3;
  for (const run::OpenRun& run : open_runs)
    if (run.alive || has_work) runs += fmt::format("  {}\n", OpenRunText(run));
  BESOM_ASSIGN_OR_RETURN(const std::string failures,
                         FailuresText(reader, summary.sweep));
  BESOM_ASSIGN_OR_RETURN(const std::string jobs,
                         JobsText(layout, summary.sweep));
  return text + jobs + runs + ShardsText(parts) + failures;
}

/// Sweeps of which there is nothing but a job that waits, or failed at once.
Result<StatusText> SubmittedText(const WorkspaceLayout& layout,
                                 const std::string& named,
                                 const std::vector<std::string>& begun) {
  StatusText status;
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> submitted,
                         SubmittedSweeps(layout));
  for (const std::string& sweep : submitted) {
    if (!named.empty() && sweep != named) continue;
    if (std::ranges::find(begun, sweep) != begun.end()) continue;
    BESOM_ASSIGN_OR_RETURN(const std::string jobs, JobsText(layout, sweep));
    status.text += fmt::format("{}  submitted, not begun\n{}", sweep, jobs);
    status.exit_code = 3;
    status.working = true;
  }
  return status;
}

/// The sweeps of the database that `named` means.
Result<std::vector<std::string>> SweepsOf(db::Reader& reader,
                                          const std::string& named) {
  if (!named.empty()) {
    BESOM_ASSIGN_OR_RETURN(const std::string sweep, reader.FindSweep(named));
    return std::vector<std::string>{sweep};
  }
  BESOM_ASSIGN_OR_RETURN(
      const db::Table all,
      reader.Query("SELECT sweep FROM sweeps ORDER BY created, sweep"));
  std::vector<std::string> sweeps;
  for (const auto& row : all.rows) sweeps.push_back(db::TextOf(row[0]));
  return sweeps;
}

/// The parts of all sweeps, whatever besom.db knows of them.
class AllParts {
 public:
  static Result<AllParts> Read(const WorkspaceLayout& layout) {
    AllParts all;
    const auto reader = db::Reader::Open(layout.database());
    if (!reader.ok()) return all;
    BESOM_ASSIGN_OR_RETURN(const db::Table sweeps,
                           (*reader)->Query("SELECT sweep FROM sweeps"));
    for (const auto& row : sweeps.rows) {
      const std::string sweep = db::TextOf(row[0]);
      BESOM_ASSIGN_OR_RETURN(all.of_[sweep], run::ReadParts(layout, sweep));
    }
    return all;
  }
  const std::vector<run::PartStates>& Of(const std::string& sweep) {
    return of_[sweep];
  }

 private:
  std::map<std::string, std::vector<run::PartStates>> of_;
};

/// 3 (incomplete) outweighs 1 (failed) outweighs 0.
Result<StatusText> ReadStatus(const GlobalOptions& global,
                              const std::string& named) {
  const WorkspaceLayout layout = WorkspaceOf(global.workspace);
  // First: what is merged meanwhile is then read twice rather than missed.
  BESOM_ASSIGN_OR_RETURN(AllParts all_parts, AllParts::Read(layout));
  const auto reader = db::Reader::Open(layout.database());
  std::vector<std::string> sweeps;
  Status found = reader.status();
  if (reader.ok()) {
    const auto begun = SweepsOf(**reader, named);
    found = begun.status();
    if (begun.ok()) sweeps = *begun;
  }
  BESOM_ASSIGN_OR_RETURN(StatusText status,
                         SubmittedText(layout, named, sweeps));
  if (!found.ok() && status.text.empty()) return found;
  if (sweeps.empty() && status.text.empty())
    return (*reader)->FindSweep("").status();
  for (const std::string& sweep : sweeps) {
    BESOM_ASSIGN_OR_RETURN(SweepSummary summary, SummaryOf(**reader, sweep));
    const std::vector<run::PartStates>& parts = all_parts.Of(sweep);
    BESOM_ASSIGN_OR_RETURN(const std::vector<run::OpenRun> open_runs,
                           run::OpenRunsOf(**reader, layout, sweep));
    BESOM_RETURN_IF_ERROR(CountTrials(**reader, open_runs, parts, summary));
    BESOM_ASSIGN_OR_RETURN(
        const std::string text,
        SweepText(**reader, layout, summary, open_runs, parts));
    if (!status.text.empty()) status.text += '\n';
    status.text += text;
    status.exit_code = std::max(status.exit_code, summary.ExitCode());
    status.working |= summary.Count("pending") + summary.Count("running") > 0;
  }
  return status;
}

int RunStatus(const GlobalOptions& global, const StatusOptions& options) {
  const std::string& named =
      options.sweep.empty() ? options.sweep_option : options.sweep;
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  std::string shown;
  while (true) {
    const auto status = ReadStatus(global, named);
    if (!status.ok()) return FailWith(status.status());
    if (status->text != shown) {
      shown = status->text;
      const char* clear = options.watch && terminal ? "\x1b[H\x1b[2J" : "";
      if (const Status printed = Print(clear + shown); !printed.ok()) {
        return FailWith(printed);
      }
    }
    if (!options.watch || !status->working) {
      return options.exit_code ? status->exit_code : 0;
    }
    std::this_thread::sleep_for(kWatchPeriod);
  }
}

}  // namespace

void AddStatusVerb(CLI::App& app, const GlobalOptions& global,
                   VerbAction& action) {
  auto* verb = app.add_subcommand(
      "status", "Says how far sweeps are, what failed and what is best");
  const auto options = std::make_shared<StatusOptions>();
  verb->add_option("SWEEP", options->sweep, "Name of the sweep; default all");
  AddSweepOption(*verb, options->sweep_option);
  verb->add_flag("--watch", options->watch,
                 "Print anew when something changes, until nothing is left");
  verb->add_flag("--exit-code", options->exit_code,
                 "Exit with 0 all done, 1 some failed, 3 incomplete");
  verb->callback([&global, &action, options] {
    action = [&global, options] { return RunStatus(global, *options); };
  });
}

}  // namespace besom::cli
