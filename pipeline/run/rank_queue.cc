#include "pipeline/run/rank_queue.h"

namespace besom::run {

bool RankQueue::HasRoom(const SchedulerOptions& options) const {
  if (lost || silent) return false;
  if (held.empty()) return true;
  if (!options.queues) return false;
  if (held.size() == Running()) return !held.front().closed;
  return held.size() < options.most_held && seconds < options.prefetch_seconds;
}

bool RankQueue::MayGiveBack() const {
  return !lost && !silent && held.size() > Running() && !held.back().recalled &&
         !held.back().given_up && !held.back().closed;
}

std::size_t RankQueue::Running() const {
  std::size_t count = 0;
  while (count < held.size() && Runs(count)) ++count;
  return count;
}

}  // namespace besom::run
