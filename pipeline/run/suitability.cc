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
  std::map<std::set<std::string>, int> kinds;
  for (const RankTraits& rank : ranks) {
    const std::set<std::string> offers(rank.numerics.begin(),
                                       rank.numerics.end());
    const int next = static_cast<int>(kinds.size());
    kind_of_.push_back(kinds.emplace(offers, next).first->second);
  }
  kinds_ = kinds.size();
  // Tags that the same ranks offer need no classes of their own.
  std::map<std::vector<int>, int> groups;       // Of kinds.
  std::map<std::string_view, int> group_of;     // By tag.
  std::map<std::pair<int, int>, int> class_in;  // By group and space.
  const auto find_group = [&](std::string_view tag) {
    const auto [known, is_new] = group_of.try_emplace(tag);
    if (!is_new) return known->second;
    std::vector<int> able;
    for (const auto& [offers, kind] : kinds)
      if (tag.empty() || offers.contains(std::string(tag)))
        able.push_back(kind);
    std::ranges::sort(able);
    const int next = static_cast<int>(groups.size());
    return known->second = groups.emplace(std::move(able), next).first->second;
  };
  class_of_.reserve(graph.size());
  for (TaskId task = 0; task < graph.size(); ++task) {
    const std::pair needs(find_group(graph[task].numerics), space_of[task]);
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
