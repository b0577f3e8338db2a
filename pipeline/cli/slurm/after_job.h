#pragma once

#include "pipeline/cli/slurm/submit_arguments.h"
#include "pipeline/store/job_record.h"

namespace besom::cli {

/// What the script of a job calls when its run has ended: by the database, the
/// time that is left and the job's record it decides what follows, and sees to
/// it. Returns the exit code for the script: cluster::kRunAgain, or that of the
/// sweep.
Result<int> AfterJob(const SubmitArguments& arguments);

/// How many tasks of the sweep, or of a shard of it, have ended well, by its
/// database; 0 when there is none.
std::int64_t TasksDone(const WorkspaceLayout& layout, const std::string& sweep,
                       const std::optional<SweepShard>& shard);

}  // namespace besom::cli
