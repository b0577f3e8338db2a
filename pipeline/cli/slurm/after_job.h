#pragma once

#include "pipeline/cli/slurm/submit_arguments.h"

namespace besom::cli {

/// What the script of a job calls when its run has ended: by the database, the
/// time that is left and the job's record it decides what follows, and sees to
/// it. Returns the exit code for the script: cluster::kRunAgain, or that of the
/// sweep.
Result<int> AfterJob(const SubmitArguments& arguments);

/// How many tasks of the sweep have ended well, by the database; 0 when there
/// is none yet.
std::int64_t TasksDone(const WorkspaceLayout& layout, const std::string& sweep);

/// sbatch's options for one more job of a sweep, after job `after` ("" = none).
std::vector<std::string> ChainOptions(const JobRecord& record, ArrayPart part,
                                      const std::string& after);

}  // namespace besom::cli
