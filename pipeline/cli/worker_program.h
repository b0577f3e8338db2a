#pragma once

#include <string>
#include <vector>

#include "pipeline/base/result.h"

namespace besom::cli {

/// The program that mpirun runs: $BESOM_WORKER, else `besom-worker` beside
/// this program. kUnavailable when it is not there.
Result<std::string> WorkerProgram();

/// Sets, unless it is set, what the worker's libraries read when they load:
/// threads of OpenMP that wait must not spin (another rank needs the core).
void SetWorkerEnvironment();

/// Becomes the worker with these arguments, as the rank that this process is
/// or alone; returns only an error.
Status ExecWorker(const std::vector<std::string>& arguments);

}  // namespace besom::cli
