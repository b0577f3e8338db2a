#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "cluster/cpu.h"
#include "cluster/interrupt.h"
#include "cluster/job_launcher.h"
#include "cluster/launch_environment.h"
#include "db/results_store.h"
#include "pipeline/cli/print_plan.h"
#include "pipeline/cli/rank_places.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/say_audit.h"
#include "pipeline/cli/sweep_verbs.h"
#include "pipeline/cli/worker_program.h"
#include "pipeline/run/leader_comparisons.h"
#include "pipeline/run/standing.h"
#include "pipeline/run/sweep_plan.h"

namespace besom::cli {
namespace {

Result<run::Standing> StandingOf(const run::RunOptions& options) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> offered,
                         NumericsHere());
  return run::FindStanding(options, cluster::UsableCores(), offered);
}

/// The ranks to start where the user does not say: one for each GPU, else one
/// for all cores.
Result<int> RanksByDefault(const run::PreparedSweep& sweep) {
  if (sweep.spec.base.at("resources").at("device") == "cpu") return 1;
  BESOM_ASSIGN_OR_RETURN(const std::vector<cluster::Gpu> gpus, GpusHere());
  return std::max(1, static_cast<int>(gpus.size()));
}

/// The exit code that the database bears out: mpirun returns 0 even after it
/// lost a node, and not 0 after a rank that no longer answered was ended.
Result<int> CheckedExitCode(const run::RunOptions& options, int exit_code) {
  if (!options.until.empty() || options.limit > 0 || !options.rerun.empty())
    return exit_code;
  BESOM_ASSIGN_OR_RETURN(const run::Standing standing, StandingOf(options));
  if (standing.complete) return standing.failed > 0 ? 1 : 0;
  if (exit_code != 0) return exit_code;
  std::fputs(
      "besom: the job ended before the sweep was complete\n"
      "  cure: run the same command again, it resumes\n",
      stderr);
  return 3;
}

/// Starts mpirun and stays its parent.
Result<int> RunUnderMpirun(const RunArguments& arguments, int ranks) {
  BESOM_ASSIGN_OR_RETURN(const std::string worker, WorkerProgram());
  cluster::MpiJob job;
  job.mpi = cluster::BuiltMpi();
  job.ranks = ranks;
  job.worker = arguments.ForWorker();
  job.worker.insert(job.worker.begin(), worker);
  SetWorkerEnvironment();
  cluster::Interrupt interrupt;
  BESOM_ASSIGN_OR_RETURN(const cluster::JobOutcome outcome,
                         cluster::RunMpiJob(job, interrupt));
  if (outcome.interrupts > 0) return 3;
  // Rank 0's own word: the sweep may be complete by another run's work.
  if (outcome.signal == 0 && outcome.exit_code == 3) return 3;
  const bool from_outside = outcome.signal != 0 || outcome.exit_code > 100;
  BESOM_ASSIGN_OR_RETURN(
      const int code,
      CheckedExitCode(arguments.options, from_outside ? 3 : outcome.exit_code));
  if (from_outside && code == 3)
    std::fputs(
        "besom: the job was ended from outside\n"
        "  cure: run the same command again, it resumes\n",
        stderr);
  return code;
}

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
  return standing.failed > 0 ? 1 : 0;
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
                         StandingOf(arguments.options));
  if (standing.complete && !standing.to_merge)
    return SayComplete(arguments.options, sweep.spec.name, standing);
  int ranks = arguments.ranks;
  if (ranks == 0) {
    BESOM_ASSIGN_OR_RETURN(ranks, RanksByDefault(sweep));
  }
  if (ranks == 1) return ExecWorker(arguments.ForWorker());
  return RunUnderMpirun(arguments, ranks);
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
