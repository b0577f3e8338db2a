#include "pipeline/cli/start_ranks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <sstream>
#include <utility>

#include "cluster/error_relay.h"
#include "cluster/host_interfaces.h"
#include "cluster/interrupt.h"
#include "cluster/job_launcher.h"
#include "cluster/slurm_allocation.h"
#include "db/reader.h"
#include "pipeline/cli/job_nodes.h"
#include "pipeline/cli/rank_places.h"
#include "pipeline/cli/standing_here.h"
#include "pipeline/cli/worker_program.h"

extern char** environ;

namespace besom::cli {
namespace {

using Launcher = cluster::MpiJob::Launcher;

/// The ranks of this machine where the user does not say: one for each GPU,
/// else one for all cores.
Result<int> RanksHere(const run::PreparedSweep& sweep) {
  if (sweep.spec.base.at("resources").at("device") == "cpu") return 1;
  BESOM_ASSIGN_OR_RETURN(const std::vector<cluster::Gpu> gpus, GpusHere());
  return std::max(1, static_cast<int>(gpus.size()));
}

/// The exit code that the database bears out: mpirun returns 0 even after it
/// lost a node, and not 0 after a rank that no longer answered was ended.
Result<int> CheckedExitCode(const run::RunOptions& options, int exit_code) {
  if (!options.until.empty() || options.limit > 0 || !options.rerun.empty())
    return exit_code;
  BESOM_ASSIGN_OR_RETURN(const run::Standing standing, StandingHere(options));
  if (const int code = standing.ExitCode(); code != 3) return code;
  if (exit_code != 0) return exit_code;
  std::fputs(
      "besom: the job ended before the sweep was complete\n"
      "  cure: run the same command again, it resumes\n",
      stderr);
  return 3;
}

Result<cluster::MpiJob> JobFor(const RunArguments& arguments,
                               const run::PreparedSweep& sweep, int ranks) {
  BESOM_ASSIGN_OR_RETURN(const std::string worker, WorkerProgram());
  cluster::MpiJob job;
  job.mpi = cluster::BuiltMpi();
  job.ranks = ranks;
  job.end_by = arguments.options.end_by;
  // What a container needs before the program: "apptainer exec --nv FILE".
  if (const char* prefix = std::getenv("BESOM_RANK_PREFIX")) {
    std::istringstream words(prefix);
    for (std::string word; words >> word;) job.worker.push_back(word);
  }
  job.worker.push_back(worker);
  for (std::string& word : arguments.ForWorker())
    job.worker.push_back(std::move(word));
  for (const Json& word : sweep.spec.base.at("cluster").at("mpi_args"))
    job.extra_options.push_back(word.get<std::string>());
  return job;
}

/// The exit code of a job that ended as `outcome` says.
Result<int> CodeOf(const cluster::JobOutcome& outcome,
                   const RunArguments& arguments) {
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

/// Starts mpirun on this host and stays its parent.
Result<int> RunOnThisHost(const RunArguments& arguments,
                          const run::PreparedSweep& sweep, int ranks) {
  BESOM_ASSIGN_OR_RETURN(const cluster::MpiJob job,
                         JobFor(arguments, sweep, ranks));
  SetWorkerEnvironment();
  cluster::Interrupt interrupt;
  BESOM_ASSIGN_OR_RETURN(const cluster::JobOutcome outcome,
                         cluster::RunMpiJob(job, interrupt));
  return CodeOf(outcome, arguments);
}

std::int64_t RunsIn(const Path& database, const std::string& sweep) {
  const auto reader = db::Reader::Open(database);
  if (!reader.ok()) return 0;
  const auto rows =
      (*reader)->Query("SELECT count(*) FROM runs WHERE sweep = ?", {sweep});
  return rows.ok() ? db::IntegerOf(rows->rows[0][0]) : 0;
}

/// How many runs of the sweep, or of that shard of it, have begun. A shard's
/// are in its part until that is merged.
std::int64_t RunsBegun(const run::RunOptions& options,
                       const std::string& sweep) {
  const WorkspaceLayout layout(options.workspace);
  std::int64_t count = RunsIn(layout.database(), sweep);
  if (options.shard) count += RunsIn(layout.part(sweep, *options.shard), sweep);
  return count;
}

/// Names of the variables that ranks on other nodes need from here.
std::vector<std::string> OwnVariables() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    if (variable.starts_with("BESOM_"))
      names.emplace_back(variable.substr(0, variable.find('=')));
  }
  return names;
}

/// A run in a Slurm job.
class JobRun {
 public:
  JobRun(const RunArguments& arguments, const run::PreparedSweep& sweep,
         cluster::MpiJob job, const JobNodes& nodes)
      : arguments_(arguments),
        sweep_(sweep.spec.name),
        wanted_(sweep.spec.base.at("cluster").at("launcher")),
        job_(std::move(job)),
        nodes_(nodes) {
    job_.single_host = nodes.only_here();
    job_.nodes = nodes.usable();
    const cluster::Environment environment = cluster::ProcessEnvironment();
    if (!cluster::NamesTcpInterfaces(
            job_.extra_options, environment,
            cluster::MpiParameterFiles(job_.mpi.mpirun, environment)))
      job_.unused_interfaces = cluster::HostOnlyInterfaces();
    job_.on_error_line = [this](std::string_view line) {
      const std::string node = cluster::LostNodeIn(line);
      const std::lock_guard lock(mutex_);
      if (!node.empty()) lost_.insert(node);
    };
  }

  Result<int> Run();

 private:
  Result<cluster::JobOutcome> Start(Launcher launcher);
  bool HasBegun() const {
    return RunsBegun(arguments_.options, sweep_) > begun_;
  }

  const RunArguments& arguments_;
  const std::string sweep_;
  const std::int64_t begun_ = RunsBegun(arguments_.options, sweep_);
  const std::string wanted_;
  cluster::MpiJob job_;
  const JobNodes& nodes_;
  cluster::Interrupt interrupt_;
  std::mutex mutex_;
  std::set<std::string> lost_;  // Guarded by mutex_.
};

Result<cluster::JobOutcome> JobRun::Start(Launcher launcher) {
  cluster::MpiJob job = job_;
  job.launcher = launcher;
  if (launcher == Launcher::kSrun) {
    job.extra_options.clear();
    // One host or many, Slurm says where ranks go.
    job.single_host = false;
  } else if (!job.single_host) {
    for (const std::string& name : OwnVariables())
      job.extra_options.insert(job.extra_options.begin(), {"-x", name});
  }
  return cluster::RunMpiJob(job, interrupt_);
}

/// mpirun's own failure: it ends with 1 where one of its daemons does not
/// report back, with more than 100 where it cannot start any. What ranks say
/// without a run is 2, 3 or 4.
bool IsOfMpirun(const cluster::JobOutcome& outcome) {
  return outcome.interrupts == 0 &&
         (outcome.exit_code == 1 || outcome.exit_code > 100);
}

Result<int> JobRun::Run() {
  SetWorkerEnvironment();
  const bool has_mpirun =
      ::access(job_.mpi.mpirun.c_str(), X_OK) == 0 || wanted_ == "mpirun";
  const bool first_srun = wanted_ == "srun" || !has_mpirun;
  BESOM_ASSIGN_OR_RETURN(
      cluster::JobOutcome outcome,
      Start(first_srun ? Launcher::kSrun : Launcher::kMpirun));
  if (!first_srun && wanted_ == "auto" && IsOfMpirun(outcome) && !HasBegun()) {
    std::fputs("besom: mpirun could not start ranks; trying srun\n", stderr);
    std::set<std::string> suspects = std::exchange(lost_, {});
    BESOM_ASSIGN_OR_RETURN(outcome, Start(Launcher::kSrun));
    // A node that srun reaches was out of mpirun's reach only.
    if (!HasBegun()) lost_.merge(suspects);
  }
  BESOM_ASSIGN_OR_RETURN(const int code, CodeOf(outcome, arguments_));
  BESOM_RETURN_IF_ERROR(nodes_.RecordLosses(lost_));
  return code;
}

Result<int> RunInJob(const RunArguments& arguments,
                     const run::PreparedSweep& sweep,
                     const cluster::SlurmAllocation& allocation) {
  BESOM_ASSIGN_OR_RETURN(
      const JobNodes nodes,
      JobNodes::Find(allocation, arguments.options, sweep.spec.name));
  RunArguments timed = arguments;
  timed.options.end_by = nodes.end();
  const int ranks =
      arguments.ranks > 0
          ? arguments.ranks
          : nodes.count() *
                RanksOfNode(allocation, sweep.spec.base.at("resources"));
  if (ranks == 1 && nodes.only_here()) return ExecWorker(timed.ForWorker());
  BESOM_ASSIGN_OR_RETURN(cluster::MpiJob job, JobFor(timed, sweep, ranks));
  return JobRun(timed, sweep, std::move(job), nodes).Run();
}

}  // namespace

Result<int> StartRanks(const RunArguments& arguments,
                       const run::PreparedSweep& sweep) {
  if (const std::optional<cluster::SlurmAllocation> allocation =
          cluster::ReadAllocation(cluster::ProcessEnvironment()))
    return RunInJob(arguments, sweep, *allocation);
  int ranks = arguments.ranks;
  if (ranks == 0) {
    BESOM_ASSIGN_OR_RETURN(ranks, RanksHere(sweep));
  }
  if (ranks == 1) return ExecWorker(arguments.ForWorker());
  return RunOnThisHost(arguments, sweep, ranks);
}

}  // namespace besom::cli
