#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/graph/task_graph.h"
#include "pipeline/store/artifact.h"

namespace besom::run {

/// A blob that a task leaves behind, or reads, at a port. What a task reads at
/// one port stands in the order of the plan.
struct PortBlob {
  std::string port;
  BlobRef blob;
  bool operator==(const PortBlob&) const = default;
};
using TaskOutputs = std::vector<PortBlob>;

/// The port of blobs that hold parts of a task's output, if there are any.
inline constexpr char kPriorPort[] = "prior";

/// A task to be computed in one call with another one, which has the same
/// stage, hints and inputs but for the prior ones. Borrows the node.
struct Companion {
  TaskId task = 0;
  int attempt = 0;
  const TaskNode* node = nullptr;
  std::vector<BlobRef> prior;
};

/// What rank 0 asks a rank for. Borrows the node.
struct TaskOrder {
  TaskId task = 0;
  int attempt = 0;
  const TaskNode* node = nullptr;
  std::vector<PortBlob> inputs;
  /// The ranks that compute it together, the leader first; one or more.
  std::vector<int> ranks;
  /// Counts the orders of a run; no two have the same.
  std::int64_t number = 0;
  std::vector<Companion> companions;  ///< Only of an order to one rank.
};

}  // namespace besom::run
