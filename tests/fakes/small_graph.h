#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "pipeline/graph/task_graph.h"

namespace besom::testing {

/// A task by name: the key is the digest of the name, the label the name.
struct SmallTask {
  std::string name;
  double cost = 1;
  std::vector<std::string> inputs;
  std::string stage = "work";
  std::string numerics = "";
  std::string space = "";
  int fusion = -1;
};

/// Builds a graph from tasks listed after their inputs; ids count from 0.
inline TaskGraph MakeGraph(std::initializer_list<SmallTask> tasks) {
  TaskGraph graph;
  std::vector<std::string> names;
  for (const SmallTask& task : tasks) {
    TaskNode node;
    node.key = DigestOf(std::string_view(task.name));
    node.stage = task.stage;
    node.label = task.name;
    node.cost = task.cost;
    node.numerics = task.numerics;
    node.space = task.space;
    node.fusion = task.fusion;
    node.params = Json::object();
    node.hints = Json::object();
    for (const std::string& input : task.inputs)
      for (TaskId id = 0; id < names.size(); ++id)
        if (names[id] == input) node.inputs.push_back({"in", id, "out"});
    graph.Add(std::move(node));
    names.push_back(task.name);
  }
  return graph;
}

}  // namespace besom::testing
