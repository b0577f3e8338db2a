#include "pipeline/cli/job_nodes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "cluster/slurm_queue.h"
#include "pipeline/base/log.h"

namespace besom::cli {

Result<JobNodes> JobNodes::Find(const cluster::SlurmAllocation& allocation,
                                const run::RunOptions& options,
                                const std::string& sweep) {
  JobNodes nodes(WorkspaceLayout(options.workspace), sweep, options.shard);
  nodes.job_ = allocation.job;
  nodes.count_ = allocation.node_count;
  nodes.only_here_ = allocation.node_count == 1;
  const Result<std::vector<std::string>> all =
      cluster::NodesIn(allocation.nodes);
  const Result<cluster::QueuedJob> job = cluster::FindJob({allocation.job, ""});
  if (!all.ok() || !job.ok() || job->nodes.empty()) {
    Log(LogLevel::kWarning,
        "Slurm does not say when the job ends and which nodes it has: " +
            (all.ok() ? job.status() : all.status()).ToString());
    return nodes;
  }
  nodes.end_ = job->end;
  // A node that Slurm has taken for lost does not come back to the job.
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> current,
                         cluster::NodesIn(job->nodes));
  std::set<std::string> bad;
  if (const Result<std::vector<std::string>> lost = cluster::LostAmong(current);
      lost.ok())
    bad.insert(lost->begin(), lost->end());
  BESOM_ASSIGN_OR_RETURN(
      const std::optional<JobRecord> record,
      ReadJobRecord(nodes.layout_, nodes.sweep_, nodes.shard_));
  if (record && record->job == allocation.job)
    for (const std::string& node : record->ExcludedNodes()) bad.insert(node);
  for (const std::string& node : current)
    if (!bad.contains(node)) nodes.usable_.push_back(node);
  if (nodes.usable_.empty())
    return Status(StatusCode::kInterrupted, allocation.nodes,
                  "no node of the job can be used any more",
                  "submit again, so that Slurm gives other ones");
  nodes.count_ = static_cast<int>(nodes.usable_.size());
  if (nodes.usable_.size() == all->size()) nodes.usable_.clear();
  return nodes;
}

Status JobNodes::RecordLosses(const std::set<std::string>& nodes) const {
  if (nodes.empty()) return Status::Ok();
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> lost, Lost(nodes));
  BESOM_ASSIGN_OR_RETURN(std::optional<JobRecord> record,
                         ReadJobRecord(layout_, sweep_, shard_));
  // A job that the user wrote himself has none.
  if (!record || record->job != job_) return Status::Ok();
  for (const std::string& node : lost) ++record->losses[node];
  return WriteJobRecord(layout_, *record, shard_);
}

/// Of a job that Slurm ends (it needs the nodes, or the time is over) mpirun
/// loses its daemons on nodes that are as good as ever.
Result<std::vector<std::string>> JobNodes::Lost(
    const std::set<std::string>& nodes) const {
  BESOM_ASSIGN_OR_RETURN(
      const std::vector<std::string> named,
      cluster::NodesIn(fmt::format("{}", fmt::join(nodes, ","))));
  const Result<cluster::QueuedJob> job = cluster::FindJob({job_, ""});
  if (!job.ok() ||
      (job->phase == cluster::JobPhase::kRunning && !job->preempted))
    return named;
  Result<std::vector<std::string>> lost = cluster::LostAmong(named);
  return lost.ok() ? std::move(lost) : std::vector<std::string>();
}

int RanksOfNode(const cluster::SlurmAllocation& allocation,
                const Json& resources) {
  if (allocation.gpus_per_node > 0 && resources.at("device") != "cpu")
    return allocation.gpus_per_node;
  const Json& threads = resources.at("threads_per_rank");
  if (!threads.is_number()) return 1;
  return std::max(1, allocation.cpus_per_node / threads.get<int>());
}

}  // namespace besom::cli
