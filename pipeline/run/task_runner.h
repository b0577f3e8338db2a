#pragma once

#include <functional>
#include <string>

#include "pipeline/base/clock.h"
#include "pipeline/run/task_messages.h"
#include "pipeline/store/blob_store.h"
#include "stages/stage.h"

namespace besom::run {

/// Runs one task on this rank: maps its inputs, runs its stage, stores its
/// outputs. Borrows all references. One thread at a time.
class TaskRunner {
 public:
  /// `rank_hints` (threads, device) are put over each request's hints.
  TaskRunner(BlobStore& store, const stages::StageRegistry& stages,
             const Clock& clock, std::string host, Json rank_hints);

  /// Never throws: what a stage or a library throws becomes the report's
  /// status. `progress` as in StageInput.
  TaskReport Run(const TaskRequest& request,
                 const std::function<bool(double)>& progress);

 private:
  Status RunStage(const TaskRequest& request,
                  const std::function<bool(double)>& progress,
                  TaskReport& report);

  BlobStore& store_;
  const stages::StageRegistry& stages_;
  const Clock& clock_;
  const std::string host_;
  const Json rank_hints_;
};

}  // namespace besom::run
