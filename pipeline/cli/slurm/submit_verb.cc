#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cluster/slurm_queue.h"
#include "pipeline/base/clock.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/slurm/after_job.h"
#include "pipeline/cli/slurm/follow_job.h"
#include "pipeline/cli/slurm/slurm_verbs.h"
#include "pipeline/cli/slurm/submit_arguments.h"
#include "pipeline/run/sweep_plan.h"

namespace besom::cli {
namespace {

/// The program that the job calls: the launcher where there is one, since it
/// sets what the program needs.
Result<std::string> OwnProgram() {
  if (const char* launcher = std::getenv("BESOM_LAUNCHER");
      launcher && *launcher)
    return std::string(launcher);
  std::error_code error;
  const Path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return IoError("/proc/self/exe", error.message());
  return self.string();
}

/// A line of a script that holds another one would be a command.
Status CheckOneLine(const char* key, const std::string& text) {
  if (text.find('\n') == std::string::npos) return Status::Ok();
  return InvalidError(fmt::format("slurm.{}", key), "it holds a line break",
                      "give each option as an element of its own");
}

Status CheckRequest(const cluster::SlurmRequest& request) {
  BESOM_RETURN_IF_ERROR(CheckOneLine("partition", request.partition));
  BESOM_RETURN_IF_ERROR(CheckOneLine("account", request.account));
  BESOM_RETURN_IF_ERROR(CheckOneLine("time", request.time));
  BESOM_RETURN_IF_ERROR(CheckOneLine("memory", request.memory));
  for (const std::string& option : request.extra)
    BESOM_RETURN_IF_ERROR(CheckOneLine("extra", option));
  return Status::Ok();
}

/// What `besom run` is told in the job.
std::vector<std::string> RunWords(const RunArguments& arguments) {
  const run::RunOptions& options = arguments.options;
  std::vector<std::string> words = {
      std::filesystem::absolute(options.spec), "--workspace",
      std::filesystem::absolute(options.workspace)};
  for (const std::string& override : options.overrides)
    words.insert(words.end(), {"--set", override});
  if (arguments.ranks > 0)
    words.insert(words.end(), {"--ranks", std::to_string(arguments.ranks)});
  if (options.keep_going) words.emplace_back("--keep-going");
  if (options.fail_fast) words.emplace_back("--fail-fast");
  return words;
}

Result<std::string> ScriptFor(const SubmitArguments& arguments,
                              const run::PreparedSweep& sweep) {
  const Json& base = sweep.spec.base;
  const cluster::SlurmRequest request = RequestOf(base, arguments);
  BESOM_RETURN_IF_ERROR(CheckRequest(request));
  const WorkspaceLayout layout(
      std::filesystem::absolute(arguments.run.options.workspace));
  cluster::SweepJob job;
  job.name = sweep.spec.name;
  BESOM_ASSIGN_OR_RETURN(job.besom, OwnProgram());
  job.folder = std::filesystem::current_path();
  job.log = layout.job_log(sweep.spec.name, arguments.array > 0);
  job.run = RunWords(arguments.run);
  Json slurm = base.at("slurm");
  slurm.update(arguments.slurm);
  job.after = {"--requeue",        request.requeue ? "true" : "false",
               "--signal-seconds", std::to_string(request.signal_seconds),
               "--max-links",      slurm.at("max_links").dump()};
  job.shards = arguments.array;
  return cluster::JobScript(request, job);
}

/// kInterrupted when a job of the sweep is in the queue.
Status CheckNoneIsActive(const WorkspaceLayout& layout,
                         const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<JobRecord> records,
                         JobRecordsOf(layout, sweep));
  for (const JobRecord& record : records) {
    const Result<cluster::QueuedJob> job =
        cluster::FindJob({record.job, record.cluster});
    if (job.status().code() == StatusCode::kNotFound) continue;
    if (!job.ok()) return job.status();
    if (job->phase != cluster::JobPhase::kEnded)
      return {StatusCode::kInterrupted, sweep,
              fmt::format("its job {} is there already ({})", record.job,
                          job->state),
              fmt::format("`besom status {}` shows how far it is, `besom "
                          "cancel {}` ends it",
                          sweep, sweep)};
  }
  return Status::Ok();
}

/// A Slurm that does not answer may have taken the script all the same.
Result<cluster::SubmittedJob> SubmitOnce(const Path& script) {
  Result<cluster::SubmittedJob> sent = cluster::Submit({script, {}});
  if (sent.status().code() != StatusCode::kIo) return sent;
  const Result<std::vector<std::string>> there = cluster::JobsOf(script);
  if (!there.ok() || there->empty()) return sent;
  const std::string& job = there->front();
  return cluster::SubmittedJob{job.substr(0, job.find('_')), ""};
}

Status WriteRecords(const WorkspaceLayout& layout, const std::string& sweep,
                    const cluster::SubmittedJob& job, int array) {
  const SystemClock clock;
  JobRecord record;
  record.sweep = sweep;
  record.cluster = job.cluster;
  record.submitted = record.started = clock.Wall();
  for (int i = 0; i < std::max(array, 1); ++i) {
    std::optional<SweepShard> shard;
    if (array > 0) shard = SweepShard{array, i};
    record.job = shard ? fmt::format("{}_{}", job.job, i) : job.job;
    record.done = TasksDone(layout, sweep, shard);
    BESOM_RETURN_IF_ERROR(WriteJobRecord(layout, record, shard));
  }
  return Status::Ok();
}

Result<int> SubmitSweep(const SubmitArguments& arguments) {
  run::RunOptions options = arguments.run.options;
  // Read as its jobs will.
  if (arguments.array > 0) options.shard = SweepShard{arguments.array, 0};
  BESOM_ASSIGN_OR_RETURN(const run::PreparedSweep sweep,
                         run::ReadSweep(options));
  BESOM_ASSIGN_OR_RETURN(const std::string script, ScriptFor(arguments, sweep));
  if (arguments.dry_run) {
    std::fputs(script.c_str(), stdout);
    return 0;
  }
  BESOM_RETURN_IF_ERROR(cluster::CheckSlurmIsHere());
  const WorkspaceLayout layout(
      std::filesystem::absolute(arguments.run.options.workspace));
  const std::string& name = sweep.spec.name;
  BESOM_RETURN_IF_ERROR(CheckNoneIsActive(layout, name));
  BESOM_RETURN_IF_ERROR(WriteFileAtomic(layout.job_script(name), script));
  BESOM_ASSIGN_OR_RETURN(const cluster::SubmittedJob job,
                         SubmitOnce(layout.job_script(name)));
  BESOM_RETURN_IF_ERROR(RemoveJobRecords(layout, name));
  BESOM_RETURN_IF_ERROR(WriteRecords(layout, name, job, arguments.array));
  fmt::print("{}\n", job.job);
  fmt::print(stderr,
             "besom: job {} of the sweep {}; its script is {}\n"
             "`besom status {}` shows how far it is\n",
             job.job, name, layout.job_script(name).string(), name);
  return arguments.wait ? FollowJob(layout, name) : 0;
}

}  // namespace

void AddSubmitVerb(CLI::App& app, const GlobalOptions& global,
                   VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "submit", "Write and submit a Slurm job that runs a sweep to its end");
  const auto arguments = std::make_shared<SubmitArguments>();
  AddSubmitOptions(*verb, *arguments);
  verb->callback([arguments, &global, &action] {
    action = [arguments, &global] {
      arguments->run.Resolve(global);
      const Result<int> code =
          arguments->after_job ? AfterJob(*arguments) : SubmitSweep(*arguments);
      return code.ok() ? *code : ReportStatus(code.status());
    };
  });
}

}  // namespace besom::cli
