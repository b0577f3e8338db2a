#include "pipeline/graph/task_graph.h"

#include <fmt/format.h>

#include <algorithm>

namespace besom {

TaskId TaskGraph::Add(TaskNode node) {
  const auto [it, is_new] = by_key_.try_emplace(node.key, nodes_.size());
  if (!is_new) return it->second;
  const TaskId id = nodes_.size();
  std::vector<TaskId> producers;
  for (const TaskInput& input : node.inputs) {
    BESOM_CHECK(input.task < id, "an input names a task that is not there");
    std::vector<TaskId>& readers = readers_[input.task];
    if (!readers.empty() && readers.back() == id) continue;
    readers.push_back(id);
    producers.push_back(input.task);
  }
  std::ranges::sort(producers);
  producers_.push_back(std::move(producers));
  nodes_.push_back(std::move(node));
  readers_.emplace_back();
  return id;
}

std::vector<double> TaskGraph::CriticalPaths() const {
  std::vector<double> paths(nodes_.size());
  for (TaskId id = nodes_.size(); id-- > 0;) {
    double longest = 0;
    for (const TaskId reader : readers_[id])
      longest = std::max(longest, paths[reader]);
    paths[id] = nodes_[id].cost + longest;
  }
  return paths;
}

std::string TaskGraph::Dot() const {
  std::string text = "digraph sweep {\n  rankdir=LR;\n";
  for (TaskId id = 0; id < nodes_.size(); ++id) {
    std::string label = nodes_[id].label;
    std::replace(label.begin(), label.end(), '"', '\'');
    text += fmt::format("  t{} [label=\"{}\"];\n", id, label);
    for (const TaskId reader : readers_[id])
      text += fmt::format("  t{} -> t{};\n", id, reader);
  }
  return text + "}\n";
}

}  // namespace besom
