#include "pipeline/run/memory_book.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "stages/model/numerics_tag.h"

namespace besom::run {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::infinity();

/// The rest is left to the driver, to contexts and to fragmentation.
constexpr double kUsableShare = 0.9;

bool AnyShared(const std::map<int, std::vector<int>>& ranks_of) {
  return std::ranges::any_of(
      ranks_of, [](const auto& it) { return it.second.size() > 1; });
}

}  // namespace

MemoryBook::MemoryBook(const TaskGraph& graph,
                       const std::vector<RankTraits>& ranks,
                       std::int64_t bytes_per_rank)
    : ranks_(ranks), held_(ranks.size()), bytes_per_rank_(bytes_per_rank) {
  for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
    if (ranks[rank].gpu >= 0) on_gpu_[ranks[rank].gpu].push_back(rank);
    on_host_[ranks[rank].host].push_back(rank);
  }
  const bool counts_gpus = AnyShared(on_gpu_);
  const bool counts_hosts = bytes_per_rank > 0 && AnyShared(on_host_);
  std::map<std::pair<std::string, std::string>, int> known;
  space_of_.reserve(graph.size());
  for (TaskId task = 0; task < graph.size(); ++task) {
    const TaskNode& node = graph[task];
    const bool on_gpu = stages::DeviceKindOf(node.numerics) == "cuda";
    if (node.numerics.empty() || !(on_gpu ? counts_gpus : counts_hosts)) {
      space_of_.push_back(-1);
      continue;
    }
    const int next = static_cast<int>(spaces_.size());
    const auto [place, is_new] =
        known.emplace(std::pair(node.numerics, node.space), next);
    if (is_new)
      spaces_.push_back({.on_gpu = on_gpu,
                         .bytes = bytes_per_rank > 0
                                      ? static_cast<double>(bytes_per_rank)
                                      : kNotKnown});
    space_of_.push_back(place->second);
  }
}

/// The ranks that share the memory which a task of `space` takes at `rank`;
/// null = nobody shares, or it is not known how much there is.
const std::vector<int>* MemoryBook::Sharers(const Space& space,
                                            int rank) const {
  const RankTraits& traits = ranks_[rank];
  if (space.on_gpu ? traits.gpu < 0 : traits.host_bytes <= 0) return nullptr;
  const std::vector<int>& sharers =
      space.on_gpu ? on_gpu_.at(traits.gpu) : on_host_.at(traits.host);
  return sharers.size() > 1 ? &sharers : nullptr;
}

double MemoryBook::Footprint(int rank, bool on_gpu) const {
  double bytes = 0;
  for (const auto& [space, count] : held_[rank])
    if (spaces_[space].on_gpu == on_gpu)
      bytes = std::max(bytes, spaces_[space].bytes);
  return bytes;
}

bool MemoryBook::Fits(TaskId task, int rank) const {
  if (space_of_[task] < 0) return true;
  const Space& space = spaces_[space_of_[task]];
  const std::vector<int>* sharers = Sharers(space, rank);
  if (!sharers) return true;
  double others = 0;
  for (const int other : *sharers)
    if (other != rank) others += Footprint(other, space.on_gpu);
  const double there = space.on_gpu
                           ? space.device_bytes
                           : static_cast<double>(ranks_[rank].host_bytes);
  return others == 0 || others + space.bytes <= kUsableShare * there;
}

bool MemoryBook::IsHeld(TaskId task) const {
  return space_of_[task] >= 0 && spaces_[space_of_[task]].held > 0;
}

void MemoryBook::Hold(int rank, TaskId task) {
  if (space_of_[task] < 0) return;
  ++held_[rank][space_of_[task]];
  ++spaces_[space_of_[task]].held;
}

void MemoryBook::Drop(int rank, TaskId task) {
  if (space_of_[task] < 0) return;
  const auto held = held_[rank].find(space_of_[task]);
  --spaces_[space_of_[task]].held;
  if (--held->second == 0) held_[rank].erase(held);
}

void MemoryBook::Measured(TaskId task, std::int64_t peak_bytes,
                          std::int64_t device_bytes) {
  if (space_of_[task] < 0) return;
  Space& space = spaces_[space_of_[task]];
  space.device_bytes = static_cast<double>(device_bytes);
  if (bytes_per_rank_ > 0) return;
  const auto peak = static_cast<double>(peak_bytes);
  space.bytes = space.bytes == kNotKnown ? peak : std::max(space.bytes, peak);
}

}  // namespace besom::run
