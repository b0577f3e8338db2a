#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/slurm_allocation.h"
#include "pipeline/base/json.h"
#include "pipeline/run/run_options.h"
#include "pipeline/store/job_record.h"

namespace besom::cli {

/// The nodes of the Slurm job that a run is in, and which of them it can use.
class JobNodes {
 public:
  /// Asks Slurm and the job's record; what neither tells is left to mpirun.
  /// kUnavailable when no node is left.
  static Result<JobNodes> Find(const cluster::SlurmAllocation& allocation,
                               const run::RunOptions& options,
                               const std::string& sweep);

  /// Those to use; empty = all that the job has.
  const std::vector<std::string>& usable() const { return usable_; }
  /// How many that are.
  int count() const { return count_; }
  /// The job has this host alone.
  bool only_here() const { return only_here_; }
  /// When the job's time is over, seconds since 1970; 0 = not known.
  double end() const { return end_; }

  /// Remembers in the job's record that these were lost ("node3", "node[3-4]"),
  /// as far as it was not Slurm that ended what ran on them.
  Status RecordLosses(const std::set<std::string>& nodes) const;

 private:
  Result<std::vector<std::string>> Lost(
      const std::set<std::string>& nodes) const;
  JobNodes(WorkspaceLayout layout, std::string sweep,
           const std::optional<SweepShard>& shard)
      : layout_(std::move(layout)), sweep_(std::move(sweep)), shard_(shard) {}

  WorkspaceLayout layout_;
  std::string sweep_;
  std::optional<SweepShard> shard_;
  std::string job_;
  std::vector<std::string> usable_;
  int count_ = 1;
  bool only_here_ = true;
  double end_ = 0;
};

/// Ranks of a node where the user does not say, by the spec's `resources`.
int RanksOfNode(const cluster::SlurmAllocation& allocation,
                const Json& resources);

}  // namespace besom::cli
