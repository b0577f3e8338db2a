#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cluster/launch_environment.h"
#include "pipeline/cli/print_plan.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/say_audit.h"
#include "pipeline/cli/standing_here.h"
#include "pipeline/cli/start_ranks.h"
#include "pipeline/cli/sweep_verbs.h"
#include "pipeline/cli/worker_program.h"
#include "pipeline/run/leader_comparisons.h"
#include "pipeline/run/standing.h"
#include "pipeline/run/sweep_plan.h"

namespace besom::cli {
namespace {

Result<int> SayComplete(const run::RunOptions& options,
                        const std::string& sweep,
                        const run::Standing& standing) {
  const WorkspaceLayout layout(options.workspace);
  if (!standing.has_parts) {
    BESOM_ASSIGN_OR_RETURN(const bool lacks,
                           run::LacksComparisons(layout.database(), sweep));
    // A run may have been ended after its last trial.
    if (lacks)
      BESOM_RETURN_IF_ERROR(run::RecordComparisons(layout.database(), sweep));
  }
  fmt::print("{}: nothing to do, all {} trials{} have ended", sweep,
             standing.trials,
             options.shard ? " of shard " + options.shard->ToText() : "");
  if (standing.failed > 0)
    fmt::print(", {} of them failed (--rerun failed tries them again)",
               standing.failed);
  fmt::print("\n");
  std::fflush(stdout);
  SayAudit(layout, sweep);
  return standing.ExitCode();
}

/// What options cannot mean together.
Status CheckOptions(const RunArguments& arguments) {
  const std::string& rerun = arguments.options.rerun;
  if (!arguments.options.shard || rerun.empty() || rerun == "failed")
    return Status::Ok();
  return InvalidError("--rerun",
                      fmt::format("'{}' is of the whole sweep, and --shard "
                                  "runs a part of it",
                                  rerun),
                      "run it without --shard, or pass --rerun failed");
}

Result<int> Run(const RunArguments& arguments) {
  BESOM_RETURN_IF_ERROR(CheckOptions(arguments));
  const bool is_rank = cluster::IsMpiRank(cluster::ProcessEnvironment());
  if (is_rank) return ExecWorker(arguments.ForWorker());
  if (arguments.dry_run) return PrintPlan(arguments.options, {});
  // Everything that is wrong with the spec alone is said before anything runs.
  BESOM_ASSIGN_OR_RETURN(const run::PreparedSweep sweep,
                         run::ReadSweep(arguments.options));
  BESOM_ASSIGN_OR_RETURN(const run::Standing standing,
                         StandingHere(arguments.options));
  if (standing.complete && !standing.to_merge)
    return SayComplete(arguments.options, sweep.spec.name, standing);
  return StartRanks(arguments, sweep);
}

}  // namespace

void AddRunVerb(CLI::App& app, const GlobalOptions& global,
                VerbAction& action) {
  CLI::App* verb = app.add_subcommand("run", "Run or resume a sweep");
  const auto arguments = std::make_shared<RunArguments>();
  AddRunOptions(*verb, *arguments);
  verb->callback([arguments, &global, &action] {
    action = [arguments, &global] {
      arguments->Resolve(global);
      const Result<int> code = Run(*arguments);
      return code.ok() ? *code : ReportStatus(code.status());
    };
  });
}

}  // namespace besom::cli
