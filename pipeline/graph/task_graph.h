#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline/base/json.h"

namespace besom {

using TaskId = std::size_t;

/// One input of a task: the blob that `task` leaves at `output`.
struct TaskInput {
  std::string port;  ///< The name under which the stage reads it.
  TaskId task = 0;
  std::string output;  ///< The port of the producing task.
};

/// A piece of work. Plain data; what runs it is elsewhere.
struct TaskNode {
  Digest key;
  std::string stage;
  std::string label;  ///< For people: "features vgg16 images 0-31 view 0".
  std::string space;  ///< Features: address space of the rows; else empty.
  /// The numerics tag with which its rank must compute; empty = any rank can.
  std::string numerics;
  /// Reads files of the sweep's data, which not every rank may see.
  bool reads_files = false;
  Json params;  ///< Canonical, part of the key.
  Json hints;   ///< Not part of the key.
  std::vector<TaskInput> inputs;
  double cost = 0;   ///< Predicted seconds on one core.
  double units = 1;  ///< Units of work (images, epochs) that it reports.
  int ranks = 1;     ///< Ranks that compute it together, if there are so many.
  /// Tasks of one number differ in their params alone, and their stage computes
  /// them in one call (Stage::RunEach); -1 = computed by itself.
  int fusion = -1;
  /// Whether all of its fusion cost hardly more than the dearest of them, so
  /// that they are never spread over ranks.
  bool one_pass = false;
};

/// A directed acyclic graph of tasks, unique by key.
///
/// Invariants:
/// (1) Inputs name tasks with a smaller id: ids are a topological order.
/// (2) No two tasks have the same key.
class TaskGraph {
 public:
  /// Adds `node`, or returns the task that already has its key.
  /// REQUIRES: every input names a task of this graph.
  TaskId Add(TaskNode node);

  std::size_t size() const { return nodes_.size(); }
  const TaskNode& operator[](TaskId id) const { return nodes_[id]; }
  void SetCost(TaskId id, double cost) { nodes_[id].cost = cost; }
  /// Tasks that read an output of `id`, ascending, each once.
  const std::vector<TaskId>& readers(TaskId id) const { return readers_[id]; }
  /// Tasks whose outputs `id` reads, ascending, each once.
  const std::vector<TaskId>& producers(TaskId id) const {
    return producers_[id];
  }
  /// Cost of the longest path that starts with each task, itself included.
  std::vector<double> CriticalPaths() const;
  /// Graphviz text, for people.
  std::string Dot() const;

 private:
  std::vector<TaskNode> nodes_;
  std::vector<std::vector<TaskId>> readers_, producers_;
  std::unordered_map<Digest, TaskId> by_key_;
};

}  // namespace besom
