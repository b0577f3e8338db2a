#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/graph/task_graph.h"
#include "pipeline/run/piece_messages.h"
#include "pipeline/run/task_order.h"
#include "pipeline/store/workspace_probe.h"

namespace besom::run {

/// A task to be computed in one call with another one.
struct CompanionRequest {
  TaskId task = 0;
  int attempt = 0;
  Digest key;
  Json params;
  std::vector<BlobRef> prior;  ///< What it reads at that port.
};

/// Coordinator to worker: run this task, and its companions with it.
struct TaskRequest {
  TaskId task = 0;
  int attempt = 0;  ///< Counts the times the task was given out, from 1.
  Digest key;
  std::string stage;
  std::string numerics;  ///< As in TaskNode.
  Json params, hints;
  std::map<std::string, std::vector<BlobRef>> inputs;
  std::vector<int> ranks;   ///< That compute it together, the leader first.
  std::int64_t number = 0;  ///< As in TaskOrder.
  std::vector<CompanionRequest> companions;
};

/// The request that an order stands for.
TaskRequest RequestOf(const TaskOrder& order);

/// Worker to coordinator: how it ended.
struct TaskReport {
  TaskId task = 0;
  int attempt = 0;
  Status status;  ///< OK, or why there are no outputs.
  /// The blob that the status is about: missing, or not what was written.
  std::optional<BlobRef> broken_input;
  TaskOutputs outputs;
  Json counters;       ///< Small numbers about the work, by name; may be null.
  double seconds = 0;  ///< Of this task: of a call for many, an equal part.
  double elapsed = 0;  ///< From begin to end of the call, seconds.
  std::string host;
  std::string device;  ///< "cpu", "cuda:0".
  /// Bytes that it took of its device at its peak, and that the device has for
  /// tasks; 0 = not measured.
  std::int64_t device_peak = 0, device_bytes = 0;
};

/// Worker to coordinator: a unit of work was completed, of the task or of those
/// that are in one call with it.
struct TaskProgress {
  TaskId task = 0;
  int attempt = 0;
  double share = 0;  ///< Done so far, 0 to 1.
};

/// Worker to coordinator, before anything else: its process.
struct Hello {
  std::int64_t pid = 0;
};

/// Worker to coordinator: a task asked back, which was not begun.
struct TaskReturned {
  TaskId task = 0;
  int attempt = 0;
};

/// Coordinator to worker: is this in your workspace?
struct TokenAsked {
  WorkspaceToken token;
};

/// Worker to coordinator.
struct TokenAnswer {
  bool sees = false;
  std::string host;
};

/// Coordinator to worker: the run that begins.
struct RunBegins {
  std::string run;  ///< Its name.
  int threads = 0;  ///< Of each rank's work; 0 = as many as it has cores.
  std::int64_t memory = 0;  ///< Bytes for it; 0 = not said.
  /// Between two checkpoints of a task; 0 = one after each of its epochs.
  double checkpoint_seconds = 60;
  /// The rank keeps blobs in a store of its host's own: those of rank 0's
  /// travel to it, and its own to rank 0.
  bool own_store = false;
};

/// Coordinator to worker: return the task, and its companions, unless they were
/// begun.
struct Recall {
  TaskId task = 0;
  int attempt = 0;
};

/// Coordinator to worker: no more work, leave the loop.
struct Shutdown {};

/// Coordinator to worker: end what runs at its next unit of work.
struct Interrupt {};

using Message =
    std::variant<Hello, TaskRequest, TaskReport, TaskProgress, TaskReturned,
                 RunBegins, Recall, Shutdown, Interrupt, TokenAsked,
                 TokenAnswer, PieceAsked, PieceSent, PieceGiven, PieceTaken>;

/// Binary form of a message (CBOR); Decode reads what Encode wrote and calls
/// anything else kCorrupt.
std::string Encode(const Message& message);
Result<Message> Decode(std::string_view bytes);

/// The same as readable values, for the journal.
Json ReportToJson(const TaskReport& report);
Result<TaskReport> ReportFromJson(const Json& json);

}  // namespace besom::run
