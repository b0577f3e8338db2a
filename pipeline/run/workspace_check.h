#pragma once

#include <functional>

#include "pipeline/base/clock.h"
#include "pipeline/run/executor.h"
#include "pipeline/store/blob_store.h"

namespace besom::run {

/// What a check of the workspace needs. All borrowed.
struct WorkspaceQuestion {
  Executor& executor;
  const BlobStore& blobs;
  const Clock& clock;
  std::function<int()> stop_requests;
  /// How long a rank may take to answer, beside what it looks for.
  double lease_seconds = 60;
  bool store_ranks = false;  ///< `store: ranks`.
};

/// Tries the file system of the workspace, and whether all ranks see it, before
/// anything else is written there. One rank on a local disk tries nothing: what
/// it writes next tells as much.
/// Ranks that do not see it keep a store of their own with `store: ranks`; else
/// kUnavailable, naming their hosts. A rank that does not answer in time is
/// left to its leases, and to Executor::Wait.
Status CheckWorkspace(const WorkspaceQuestion& question);

}  // namespace besom::run
