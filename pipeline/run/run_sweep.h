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

/// How a sweep stands by its database.
struct Standing {
  /// Every trial that `options` ask for has ended, so that no worker needs to
  /// start. False also when that is not known.
  bool complete = false;
  std::size_t failed = 0;  ///< Of the planned trials, when complete.
};
/// `offered`: as SweepNumerics::Resolve.
Result<Standing> FindStanding(const RunOptions& options, int threads,
                              const std::vector<std::string>& offered);

}  // namespace besom::run
