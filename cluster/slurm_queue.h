#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/job_phase.h"
#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::cluster {

/// What Slurm tells of a job. Times in seconds since 1970, 0 = not known.
struct QueuedJob {
  std::string job;
  JobPhase phase = JobPhase::kEnded;
  std::string state;     ///< Slurm's word: "PENDING".
  std::string reason;    ///< Why it waits, "" = none.
  std::string nodes;     ///< "node[1-3]"; "" while it waits.
  std::string excluded;  ///< "node[4,7]": those it does not want.
  double start = 0;      ///< When it began, or is expected to.
  double end = 0;        ///< When its time is over, or it was ended.
  double limit = 0;      ///< When the time it was given is, or was, over.
  int restarts = 0;
  bool may_requeue = false;
  bool preempted = false;
};

/// Hands a script to Slurm (`sbatch --parsable OPTIONS SCRIPT`).
struct Submission {
  Path script;
  std::vector<std::string> options;  ///< Beside those in the script.
};
/// The job's number.
struct SubmittedJob {
  std::string job;
  std::string cluster;  ///< "" = the one that is asked by default.
};

/// A job as others find it: "12", of an array "12_3".
struct JobName {
  std::string job;
  std::string cluster;  ///< As of SubmittedJob.
};

// All of these run Slurm's own programs and wait for them. Errors:
// kUnavailable where the PATH has none, kIo when Slurm does not answer (trying
// again may help), kInvalid, with Slurm's words, for what it refuses.

/// kUnavailable, with the cure, on a machine without Slurm.
Status CheckSlurmIsHere();
Result<SubmittedJob> Submit(const Submission& submission);
/// The jobs of this user that run, or are to run, `script`. Where Slurm did not
/// answer Submit it may have taken the script all the same.
Result<std::vector<std::string>> JobsOf(const Path& script);
/// kNotFound for a job that Slurm does not know (any more).
Result<QueuedJob> FindJob(const JobName& name);
/// Puts a running job back into the queue, which ends its processes, this one
/// included where it is one of them.
Status Requeue(const std::string& job);
Status Cancel(const JobName& name);
/// Sends `signal` ("USR1") to the job's script alone.
Status SignalScript(const JobName& name, const std::string& signal);
/// Has a job that waits never use `nodes`, and all others that it excluded.
Status ExcludeNodes(const std::string& job,
                    const std::vector<std::string>& nodes);
/// "node[1-3]" as its nodes.
Result<std::vector<std::string>> NodesIn(const std::string& list);
/// Those of `nodes` that Slurm takes for lost: down, failed, not answering.
Result<std::vector<std::string>> LostAmong(
    const std::vector<std::string>& nodes);

// The same as plain functions of what the programs print. What a site adds to
// it (warnings of the loader, say) is passed over.

/// `sbatch --parsable`: "12" or "12;alpha".
Result<SubmittedJob> ParseSubmitted(std::string_view output);
/// `squeue -h -o "%F|%K|%o"`: of those that run `script`.
std::vector<std::string> ParseJobsOf(std::string_view output,
                                     std::string_view script);
/// `scontrol -o show job`, times as seconds: of several tasks the first.
Result<QueuedJob> ParseJob(std::string_view output);
/// `scontrol show hostnames`.
std::vector<std::string> ParseNodes(std::string_view output);
/// `sinfo -h -N -o "%N %T"`.
std::vector<std::string> ParseLost(std::string_view output);

}  // namespace besom::cluster
