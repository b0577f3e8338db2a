#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/graph/task_graph.h"
#include "pipeline/store/artifact.h"

namespace besom::run {

/// Coordinator to worker: run this task.
struct TaskRequest {
  TaskId task = 0;
  int attempt = 0;  ///< Counts the times the task was given out, from 1.
  Digest key;
  std::string stage;
  Json params, hints;
  std::map<std::string, std::vector<BlobRef>> inputs;
};

/// Worker to coordinator: how it ended.
struct TaskReport {
  TaskId task = 0;
  int attempt = 0;
  Status status;  ///< OK, or why there are no outputs.
  /// The status is about an input blob: missing, or not what was written.
  bool broken_input = false;
  std::map<std::string, BlobRef> blobs;
  Json counters = Json::object();
  double seconds = 0;
  std::string host;
};

/// Worker to coordinator: a unit of work was completed.
struct TaskProgress {
  TaskId task = 0;
  int attempt = 0;
  double share = 0;  ///< Done so far, 0 to 1.
};

/// Coordinator to worker: no more work, leave the loop.
struct Shutdown {};

/// Coordinator to worker: end what runs at its next unit of work.
struct Interrupt {};

using Message =
    std::variant<TaskRequest, TaskReport, TaskProgress, Shutdown, Interrupt>;

/// Binary form of a message (CBOR); Decode reads what Encode wrote and calls
/// anything else kCorrupt.
std::string Encode(const Message& message);
Result<Message> Decode(std::string_view bytes);

}  // namespace besom::run
