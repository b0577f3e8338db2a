#include "pipeline/run/suitability.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace besom::run {

Suitability::Suitability(const TaskGraph& graph,
                         const std::vector<RankTraits>& ranks,
                         const std::vector<int>& space_of) {
  // What ranks offer: their tags, and whether they see the data's files.
  std::map<std::pair<std::set<std::string>, bool>, int> kinds;
  for (const RankTraits& rank : ranks) {
    const std::set<std::string> offers(rank.numerics.begin(),
                                       rank.numerics.end());
    const int next = static_cast<int>(kinds.size());
    kind_of_.push_back(
        kinds.emplace(std::pair(offers, rank.reads_files), next).first->second);
  }
  kinds_ = kinds.size();
  // Needs that the same ranks meet need no classes of their own.
  std::map<std::vector<int>, int> groups;                     // Of kinds.
  std::map<std::pair<std::string_view, bool>, int> group_of;  // By need.
  std::map<std::pair<int, int>, int> class_in;  // By group and space.
  const auto find_group = [&](std::string_view tag, bool reads_files) {
    const auto [known, is_new] = group_of.try_emplace({tag, reads_files});
    if (!is_new) return known->second;
    std::vector<int> able;
    for (const auto& [offer, kind] : kinds) {
      const auto& [offers, sees_files] = offer;
      if (reads_files && !sees_files) continue;
      if (tag.empty() || offers.contains(std::string(tag)))
        able.push_back(kind);
    }
    std::ranges::sort(able);
    const int next = static_cast<int>(groups.size());
    return known->second = groups.emplace(std::move(able), next).first->second;
  };
  class_of_.reserve(graph.size());
  for (TaskId task = 0; task < graph.size(); ++task) {
    const std::pair needs(
        find_group(graph[task].numerics, graph[task].reads_files),
        space_of[task]);
    const int next = static_cast<int>(class_in.size());
    class_of_.push_back(class_in.emplace(needs, next).first->second);
  }
  kinds_of_.resize(class_in.size());
  for (const auto& [able, group] : groups)
    for (const auto& [needs, task_class] : class_in)
      if (needs.first == group) kinds_of_[task_class] = able;
}

bool Suitability::Suits(TaskId task, int rank) const {
  const std::vector<int>& able = kinds_of_[class_of_[task]];
  return std::ranges::find(able, kind_of_[rank]) != able.end();
}

}  // namespace besom::run
