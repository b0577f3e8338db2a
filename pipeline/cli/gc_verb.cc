#include <fmt/format.h>

#include <map>
#include <memory>

#include "cluster/cpu.h"
#include "cluster/launch_environment.h"
#include "pipeline/cli/byte_size.h"
#include "pipeline/cli/reading/table_text.h"
#include "pipeline/cli/reading/workspace_reader.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/sweep_verbs.h"
#include "pipeline/run/cleanup.h"
#include "pipeline/run/holder_judge.h"

namespace besom::cli {
namespace {

struct GcArguments {
  bool dry_run = false;
  std::string keep = "all";
  std::string max_size;
};

std::string TableOf(const run::CleanupReport& report) {
  db::Table table;
  table.columns = {"kind", "files", "bytes"};
  std::int64_t files = 0, bytes = 0;
  for (std::size_t kind = 0; kind < report.lines.size(); ++kind) {
    const auto& line = report.lines[kind];
    table.rows.push_back({std::string(run::kCleanupKindNames[kind]),
                          static_cast<std::int64_t>(line.files),
                          static_cast<std::int64_t>(line.bytes)});
    files += static_cast<std::int64_t>(line.files);
    bytes += static_cast<std::int64_t>(line.bytes);
  }
  table.rows.push_back({std::string("all"), files, bytes});
  return FormatTable(table, TableFormat::kTable);
}

/// Why the store stays larger than the user wants; "" when it does not.
std::string WhyTooLarge(const run::CleanupPlan& plan,
                        std::optional<std::uint64_t> max_bytes) {
  if (!max_bytes || plan.bytes_after <= *max_bytes) return "";
  std::string why = fmt::format("{} more than --max-size. What stays:\n",
                                ByteSizeText(plan.bytes_after - *max_bytes));
  const auto add = [&](std::uint64_t bytes, std::string_view what) {
    if (bytes > 0)
      why += fmt::format("  {:>8}  {}\n", ByteSizeText(bytes), what);
  };
  add(plan.bytes_of_best, "models of the trials that rank first");
  add(plan.bytes_of_results, "results, by which finished sweeps stay finished");
  add(plan.bytes_to_adopt,
      "what a killed run, or a shard that is not merged yet, has stored: the "
      "next run takes it over");
  add(plan.bytes_of_unknown, "files that are not besom's");
  return why;
}

Result<int> Collect(const GlobalOptions& global, const GcArguments& arguments) {
  static const std::map<std::string, run::KeepModels> kKeep = {
      {"best", run::KeepModels::kBest},
      {"last", run::KeepModels::kLast},
      {"all", run::KeepModels::kAll}};
  run::CleanupPolicy policy;
  policy.keep = kKeep.at(arguments.keep);
  if (!arguments.max_size.empty()) {
    Result<std::uint64_t> most = ParseByteSize(arguments.max_size);
    if (!most.ok()) return most.status().Within("--max-size");
    policy.max_bytes = *most;
  }
  const SystemClock clock;
  const LockHolder self =
      run::ThisHolder(cluster::HostName(), cluster::ProcessEnvironment());
  BESOM_ASSIGN_OR_RETURN(const run::CleanupReport report,
                         run::CleanUp(WorkspaceOf(global.workspace), policy,
                                      arguments.dry_run, self, clock));
  const run::CleanupPlan& plan = report.plan;
  BESOM_RETURN_IF_ERROR(
      Print(TableOf(report) +
            fmt::format("\nstore: {} bytes ({}) before, {} bytes ({}) after\n",
                        plan.bytes_before, ByteSizeText(plan.bytes_before),
                        plan.bytes_after, ByteSizeText(plan.bytes_after)) +
            WhyTooLarge(plan, policy.max_bytes) +
            (arguments.dry_run ? "dry run: nothing was removed\n" : "")));
  return ReportStatus(report.trouble);
}

}  // namespace

void AddGcVerb(CLI::App& app, const GlobalOptions& global, VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "gc",
      "Frees disk space: what no result needs; trained models and what can be "
      "computed again where you say so. Finished sweeps stay finished");
  const auto arguments = std::make_shared<GcArguments>();
  verb->add_flag("--dry-run", arguments->dry_run,
                 "Print what would go, remove nothing");
  verb->add_option("--keep", arguments->keep,
                   "Trained models that stay, of each sweep: best (of the "
                   "trial that ranks first), last (and of the one that ended "
                   "last) or all (default)")
      ->check(CLI::IsMember({"best", "last", "all"}));
  verb->add_option("--max-size", arguments->max_size,
                   "Then go on until the store is no larger: pixels, views and "
                   "features, the oldest first; models, the worst first; "
                   "checkpoints. 20GB is 20 * 10^9 bytes, 20GiB 20 * 2^30. "
                   "What cannot be reached is told; the exit code stays 0")
      ->type_name("SIZE");
  verb->callback([arguments, &global, &action] {
    action = [arguments, &global] {
      const Result<int> code = Collect(global, *arguments);
      return code.ok() ? *code : ReportStatus(code.status());
    };
  });
}

}  // namespace besom::cli
