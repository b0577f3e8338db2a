#pragma once

#include <functional>
#include <vector>

#include "pipeline/run/rank_queue.h"
#include "pipeline/run/rank_traits.h"

namespace besom::run {

/// The usable ranks of a host where none holds anything, first one that
/// `suits`; empty: there is no such host. `queues` and `traits`: by rank.
std::vector<int> QuietHost(const std::vector<RankQueue>& queues,
                           const std::vector<RankTraits>& traits,
                           const std::function<bool(int rank)>& suits);

}  // namespace besom::run
