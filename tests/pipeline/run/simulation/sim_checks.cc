#include <fmt/format.h>

#include <algorithm>

#include "tests/pipeline/run/simulation/sim_ranks.h"

namespace besom::testing {

void SimWorld::CheckOrder(const run::TaskOrder& order) {
  const TaskId task = order.task;
  const TaskNode& node = plan_.sweep.graph[task];
  if (store_.IsDone(task))
    Violate(fmt::format("'{}' is done and was handed out again", node.label));
  if (const std::size_t before = pending_[task]; before != kNone) {
    const SimOrder& other = orders_[before];
    const bool may_be_lost =
        std::ranges::any_of(Parts(other), [&](const SimPart& part) {
          const SimRank& rank = At(part.rank);
          return rank.known_lost || rank.ever_hung;
        });
    if (!other.told && !may_be_lost)
      Violate(fmt::format("'{}' was handed out while rank {} computes it",
                          node.label, Parts(other)[0].rank));
  }
  if (settings_.ranks_per_gpu > 0 && !node.numerics.empty())
    for (const int rank : order.ranks)
      if (GpuOf(rank) < 0)
        Violate(fmt::format("'{}' is given to rank {}, which has no GPU",
                            node.label, rank));
  CheckInputs(order);
  if (node.ranks > 1 || order.ranks.size() != 1) CheckGroup(order);
  if (board_) CheckOvertaking(task);
}

/// What one call computes is of one rank and reads the same.
void SimWorld::CheckCompanions(const run::TaskOrder& order) {
  if (!order.companions.empty() && order.ranks.size() != 1)
    Violate("several ranks compute tasks in one call");
  for (const run::Companion& companion : order.companions) {
    run::TaskOrder alone = order;
    alone.task = companion.task;
    alone.attempt = companion.attempt;
    alone.companions.clear();
    CheckOrder(alone);
    const TaskNode& node = plan_.sweep.graph[companion.task];
    if (companion.node != &node || node.stage != order.node->stage ||
        node.hints != order.node->hints)
      Violate(fmt::format("'{}' is in one call with '{}'", node.label,
                          order.node->label));
  }
}

void SimWorld::CheckInputs(const run::TaskOrder& order) {
  const TaskNode& node = plan_.sweep.graph[order.task];
  if (order.inputs.size() != node.inputs.size())
    return Violate(
        fmt::format("'{}' got {} inputs", node.label, order.inputs.size()));
  for (std::size_t i = 0; i < order.inputs.size(); ++i) {
    const TaskInput& input = node.inputs[i];
    const run::TaskOutputs& outputs = plan_.outputs[input.task];
    const auto right =
        std::ranges::find(outputs, input.output, &run::PortBlob::port);
    if (right == outputs.end() || right->blob != order.inputs[i].blob)
      Violate(fmt::format("'{}' got a wrong input", node.label));
  }
}

/// Ranks that begin a task together hold nothing else: so no two groups wait
/// for each other.
void SimWorld::CheckGroup(const run::TaskOrder& order) {
  const TaskNode& node = plan_.sweep.graph[order.task];
  const auto most = static_cast<std::size_t>(node.ranks);
  if (order.ranks.empty() || order.ranks.size() > most)
    Violate(fmt::format("'{}' is given to {} ranks", node.label,
                        order.ranks.size()));
  if (board_ && order.ranks.size() !=
                    std::min(most, static_cast<std::size_t>(settings_.ranks)))
    Violate(fmt::format("'{}' is given to {} ranks only", node.label,
                        order.ranks.size()));
  std::vector<int> ranks = order.ranks;
  std::ranges::sort(ranks);
  if (std::ranges::adjacent_find(ranks) != ranks.end())
    Violate(fmt::format("'{}' is given to a rank twice", node.label));
  for (const int rank : ranks) {
    if (At(rank).known_lost)
      Violate(
          fmt::format("'{}' is given to the lost rank {}", node.label, rank));
    if (At(rank).unheard > 0)
      Violate(fmt::format("'{}' is given to rank {}, which is busy", node.label,
                          rank));
  }
  if (short_of_memory_[order.task] && ranks.size() > 1)
    Violate(fmt::format("'{}' ran out of memory and is not alone", node.label));
}

/// Nothing starts while a task for several ranks is the most urgent one.
void SimWorld::CheckOvertaking(TaskId task) {
  const TaskId first = board_->ready()[0].begin()->second;
  if (task != first && plan_.sweep.graph[first].ranks > 1)
    Violate(fmt::format("'{}' overtakes '{}'", plan_.sweep.graph[task].label,
                        plan_.sweep.graph[first].label));
  board_->Start(task);
}

/// What runs on the GPU of `rank`, which begins a task there, fits into it.
void SimWorld::CheckMemory(int number) {
  const int gpu = GpuOf(number);
  if (gpu < 0) return;
  std::int64_t bytes = 0;
  int running = 0;
  const int first = number / kSimRanksPerHost * kSimRanksPerHost;
  const int last = std::min(first + kSimRanksPerHost, settings_.ranks);
  for (int rank = first; rank < last; ++rank) {
    if (GpuOf(rank) != gpu || !At(rank).alive || At(rank).queue.empty())
      continue;
    const TaskNode& node =
        plan_.sweep.graph[orders_[At(rank).queue.front()].task];
    if (node.numerics.empty()) continue;
    ++running;
    bytes += SimPeakBytes(node.space);
  }
  if (running > 1) Count(Fault::kGpuShared);
  if (running > 1 && bytes > kSimDeviceBytes)
    Violate(fmt::format("{} ranks take {} of {} bytes of GPU {}", running,
                        bytes, kSimDeviceBytes, gpu));
}

/// Where nothing is late no rank idles beside one that holds tasks which it
/// has not begun, unless it is kept for a task of several ranks. Looked at
/// where few ranks make that cheap.
void SimWorld::CheckIdle(double next) {
  constexpr int kFew = 16;
  constexpr double kMoment = 0.3;
  if (!board_ || settings_.ranks > kFew) return;
  bool idle = false, loaded = false;
  for (const SimRank& rank : ranks_) {
    idle = idle || rank.queue.empty();
    loaded = loaded || rank.queue.size() > 1;
  }
  if (!idle || !loaded || board_->any_ready()) {
    idle_since_ = next;
  } else if (next - idle_since_ > kMoment) {
    Violate("a rank idles beside one with tasks that it has not begun");
    idle_since_ = next;
  }
}

}  // namespace besom::testing
