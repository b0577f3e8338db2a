#include "pipeline/run/quiet_host.h"

#include <set>

namespace besom::run {

std::vector<int> QuietHost(const std::vector<RankQueue>& queues,
                           const std::vector<RankTraits>& traits,
                           const std::function<bool(int rank)>& suits) {
  const auto ranks = static_cast<int>(queues.size());
  const auto is_usable = [&](int rank) {
    return !queues[rank].lost && !queues[rank].silent;
  };
  // What a rank does that is silent may never end.
  std::set<int> busy;
  for (int rank = 0; rank < ranks; ++rank)
    if (is_usable(rank) && !queues[rank].held.empty())
      busy.insert(traits[rank].host);
  for (int leader = 0; leader < ranks; ++leader) {
    const int host = traits[leader].host;
    if (busy.contains(host) || !is_usable(leader) || !suits(leader)) continue;
    std::vector<int> quiet = {leader};
    for (int rank = 0; rank < ranks; ++rank)
      if (rank != leader && traits[rank].host == host && is_usable(rank))
        quiet.push_back(rank);
    return quiet;
  }
  return {};
}

}  // namespace besom::run
