#include "pipeline/run/suitability.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
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
  std::map<std::string, std::vector<int>> able;
  std::map<std::pair<std::vector<int>, int>, int> classes;
  for (TaskId task = 0; task < graph.size(); ++task) {
    const std::string& tag = graph[task].numerics;
    const auto [known, is_new_tag] = able.try_emplace(tag);
    if (is_new_tag) {
      for (const auto& [offers, kind] : kinds)
        if (tag.empty() || offers.contains(tag)) known->second.push_back(kind);
      std::ranges::sort(known->second);
    }
    const int next = static_cast<int>(kinds_of_.size());
    const auto [place, is_new] =
        classes.emplace(std::pair(known->second, space_of[task]), next);
    if (is_new) kinds_of_.push_back(known->second);
    class_of_.push_back(place->second);
  }
}

bool Suitability::Suits(TaskId task, int rank) const {
  const std::vector<int>& able = kinds_of_[class_of_[task]];
  return std::ranges::find(able, kind_of_[rank]) != able.end();
}

}  // namespace besom::run
