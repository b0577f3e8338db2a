#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "cluster/communicator.h"
#include "pipeline/run/blob_desk.h"
#include "pipeline/run/compute_thread.h"
#include "pipeline/run/executor.h"

namespace besom::run {

/// The ranks of a communicator as an executor, on rank 0: rank 0's own tasks
/// go to its compute thread, the others' to their RankWorker.
class RankExecutor final : public Executor {
 public:
  /// Borrows both. `traits` as in Executor. REQUIRES: comm.rank() == 0.
  RankExecutor(cluster::Communicator& comm, TaskRunner& runner,
               std::vector<RankTraits> traits);

  std::vector<RankTraits> traits() const override { return traits_; }
  Result<std::vector<WorkspaceSight>> AskForToken(
      const WorkspaceToken& token,
      const std::function<double()>& wait) override;
  void KeepApart(const std::vector<WorkspaceSight>& sights) override;
  Status Begin(const RunBegins& run) override;
  Status Start(const TaskOrder& order) override;
  Status Recall(int rank, TaskId task, int attempt) override;
  Result<std::optional<ExecutorEvent>> Wait(double seconds) override;
  void Interrupt(int rank) override;
  Status Shutdown() override;
  /// Ends the other ranks at once: those of this host with SIGKILL, as they
  /// may not answer any more, the others as Shutdown does but unawaited.
  void Abandon();

 private:
  Result<std::optional<ExecutorEvent>> Read(const cluster::Message& received);
  std::optional<ExecutorEvent> HearLate(int rank, const TokenAnswer& answer);
  Status SendReplies();
  std::optional<ExecutorEvent> TakeLocal();
  std::optional<ExecutorEvent> TakeLostRank();

  cluster::Communicator& comm_;
  TaskRunner& runner_;
  std::vector<RankTraits> traits_;
  std::vector<bool> apart_;         // By rank: has no sight of this workspace.
  std::vector<std::int64_t> pids_;  // By rank; 0 = not heard of yet.
  std::optional<BlobDesk> desk_;    // Where some rank has none.
  ComputeThread compute_;
  std::deque<TaskReturned> returned_;  // By rank 0's own thread.
  std::set<int> lost_;
  std::set<int> blind_;     // Left out: what they store is not seen here.
  bool shut_down_ = false;  // The channel is closed.
};

}  // namespace besom::run
