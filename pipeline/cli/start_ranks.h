#pragma once

#include "pipeline/cli/run_arguments.h"
#include "pipeline/run/sweep_plan.h"

namespace besom::cli {

/// Runs what is left of a sweep: starts the ranks, on all nodes of the Slurm
/// job that this process is in, and stays their parent; or becomes the one rank
/// that is enough. Without `arguments.ranks`: one rank for each GPU, else one
/// for all cores, on a node of a job one for so many cores as
/// resources.threads_per_rank says. Returns the exit code that the database
/// bears out.
Result<int> StartRanks(const RunArguments& arguments,
                       const run::PreparedSweep& sweep);

}  // namespace besom::cli
