#include <cstdio>
#include <memory>

#include "cluster/launch_environment.h"
#include "pipeline/cli/print_plan.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/say_audit.h"
#include "pipeline/cli/start_ranks.h"
#include "pipeline/cli/sweep_verbs.h"
#include "pipeline/cli/worker_program.h"
#include "pipeline/run/leader_comparisons.h"
#include "pipeline/run/run_sweep.h"

namespace besom::cli {
namespace {

Result<int> Run(const RunArguments& arguments) {
  const bool is_rank = cluster::IsMpiRank(cluster::ProcessEnvironment());
  if (is_rank) return ExecWorker(arguments.ForWorker());
  if (arguments.dry_run) return PrintPlan(arguments.options, {});
  // Everything that is wrong with the spec alone is said before anything runs.
  BESOM_ASSIGN_OR_RETURN(const run::PreparedSweep sweep,
                         run::ReadSweep(arguments.options));
  BESOM_ASSIGN_OR_RETURN(const run::Standing standing,
                         StandingOf(arguments.options));
  if (standing.complete) {
    const Path database =
        WorkspaceLayout(arguments.options.workspace).database();
    BESOM_ASSIGN_OR_RETURN(const bool lacks,
                           run::LacksComparisons(database, sweep.spec.name));
    // A run may have been ended after its last trial.
    if (lacks)
      BESOM_RETURN_IF_ERROR(run::RecordComparisons(database, sweep.spec.name));
    std::printf("%s: nothing to do, all %zu trials have ended",
                sweep.spec.name.c_str(), sweep.trials.trials.size());
    if (standing.failed > 0)
      std::printf(", %zu of them failed (--rerun failed tries them again)",
                  standing.failed);
    std::printf("\n");
    SayAudit(WorkspaceLayout(arguments.options.workspace), sweep.spec.name);
    return standing.failed > 0 ? 1 : 0;
  }
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
