#pragma once

#include <functional>

#include "pipeline/run/coordinator.h"
#include "pipeline/run/sweep_plan.h"
#include "pipeline/store/blob_store.h"

namespace besom::run {

/// What a run needs of its process. All borrowed.
struct RunServices {
  Executor& executor;
  BlobStore& blobs;
  const Clock& clock;
  std::function<int()> stop_requests;  ///< How often the user asked to stop.
  std::string host;
  int threads = 1;  ///< For reading files while planning.
};

/// Rank 0's part of `besom run`: reads and plans the sweep, takes its lock,
/// runs what is left, records everything. On error nothing is half-written:
/// what was committed stays, and the same command resumes.
Result<RunOutcome> RunSweep(const RunOptions& options,
                            const RunServices& services);

}  // namespace besom::run
