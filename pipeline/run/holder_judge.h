#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "cluster/launch_environment.h"
#include "cluster/slurm_jobs.h"
#include "pipeline/base/clock.h"
#include "pipeline/store/lock_holder.h"

namespace besom::run {

/// This process as the holder of a lock; `environment` tells of its Slurm job.
LockHolder ThisHolder(std::string host,
                      const cluster::Environment& environment);

/// Says whether the holder of a lock counts as dead although the lock does not
/// say so: where locks cannot be trusted, the state of its Slurm job decides.
/// Borrows everything. One thread at a time.
class HolderJudge {
 public:
  /// A job is asked about at most once in so many seconds.
  static constexpr double kAskSeconds = 30;

  /// `self` is this process.
  HolderJudge(LockHolder self, cluster::JobStates& jobs, const Clock& clock)
      : self_(std::move(self)), jobs_(jobs), clock_(clock) {}

  const LockHolder& self() const { return self_; }

  /// Why `holder` counts as dead; "" = nothing says that it does. A lock that
  /// works and is held on this host is trusted; one of another host may be
  /// kept by a server that has not noticed the death of the host.
  std::string WhyDead(const LockHolder& holder, bool locks_work);

 private:
  cluster::JobState Ask(const LockHolder& holder);

  const LockHolder self_;
  cluster::JobStates& jobs_;
  const Clock& clock_;
  struct Answer {
    cluster::JobState state;
    double time;
  };
  std::map<std::pair<std::string, std::string>, Answer> answers_;  // By job.
};

}  // namespace besom::run
