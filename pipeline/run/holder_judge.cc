#include "pipeline/run/holder_judge.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>

namespace besom::run {

LockHolder ThisHolder(std::string host,
                      const cluster::Environment& environment) {
  LockHolder holder;
  holder.host = std::move(host);
  holder.pid = ::getpid();
  holder.job = environment("SLURM_JOB_ID").value_or("");
  if (holder.job.empty()) return holder;
  holder.cluster = environment("SLURM_CLUSTER_NAME").value_or("");
  // Slurm sets it only in a job that was started again.
  const std::string restarts = environment("SLURM_RESTART_COUNT").value_or("0");
  std::from_chars(restarts.data(), restarts.data() + restarts.size(),
                  holder.restarts);
  return holder;
}

std::string HolderJudge::WhyDead(const LockHolder& holder, bool locks_work) {
  if (holder.job.empty()) return "";
  if (locks_work && holder.host == self_.host) return "";
  if (holder.job == self_.job && holder.cluster == self_.cluster) {
    // Slurm starts a job again only when nothing of it runs any more.
    return holder.restarts < self_.restarts
               ? fmt::format("Slurm has started job {} again", holder.job)
               : "";
  }
  return Ask(holder) == cluster::JobState::kOver
             ? fmt::format("Slurm job {} is over", holder.job)
             : "";
}

cluster::JobState HolderJudge::Ask(const LockHolder& holder) {
  const double now = clock_.Monotonic();
  const std::pair job(holder.job, holder.cluster);
  const auto known = answers_.find(job);
  if (known != answers_.end() && now - known->second.time < kAskSeconds)
    return known->second.state;
  const cluster::JobState state = jobs_.Find(holder.job, holder.cluster);
  answers_[job] = {state, now};
  return state;
}

}  // namespace besom::run
