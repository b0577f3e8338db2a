#pragma once

#include <optional>

#include "cluster/communicator.h"
#include "pipeline/run/blob_courier.h"
#include "pipeline/run/compute_thread.h"
#include "pipeline/store/run_lock.h"
#include "pipeline/store/workspace_probe.h"

namespace besom::run {

/// What every rank but 0 does until it is told to leave: says whether it sees
/// rank 0's workspace, and runs the tasks that rank 0 sends. A rank that has to
/// keep a store of its host's own carries blobs between that and rank 0.
/// Borrows both. One thread.
class RankWorker {
 public:
  RankWorker(cluster::Communicator& comm, TaskRunner& runner);
  ~RankWorker();

  /// Ends with kInterrupted when rank 0 is gone.
  Status Run();

 private:
  Status Loop();
  Status Handle(Message message);
  Status Begin(const RunBegins& run);
  Status Answer(const Recall& recall);
  Status LookForToken();
  double SecondsToWait() const;

  cluster::Communicator& comm_;
  TaskRunner& runner_;
  // Where rank 0's workspace is not seen; outlive the compute thread.
  std::optional<WorkspaceLock> own_lock_;  // Keeps `gc` away.
  std::optional<BlobStore> own_store_;
  std::optional<BlobCourier> courier_;
  ComputeThread compute_;
  std::optional<TokenSearch> search_;  // While rank 0 has no answer.
  bool told_to_leave_ = false;
};

}  // namespace besom::run
