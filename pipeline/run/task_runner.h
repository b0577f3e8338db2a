#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cluster/group.h"
#include "pipeline/base/clock.h"
#include "pipeline/run/task_messages.h"
#include "pipeline/store/blob_store.h"
#include "pipeline/store/journal.h"
#include "stages/stage.h"

namespace besom::run {

/// What a rank is, for the tasks that it runs.
struct RankFacts {
  std::string host;
  std::string device = "cpu";  ///< "cpu", "cuda:0".
  Json hints;  ///< Put over each request's: threads, device; null = nothing.
  /// This rank's part of the group that computes a request together; null
  /// where ranks cannot form groups.
  std::function<std::unique_ptr<cluster::Group>(const TaskRequest&, int shards)>
      join;
};

/// Runs one task on this rank: maps its inputs, runs its stage, stores its
/// outputs, and keeps a journal of both. Inputs that are not visible yet are
/// looked for (BlobSearch), with a word of progress before every pause, so that
/// the task's lease holds. Borrows all references. One thread at a time.
class TaskRunner {
 public:
  TaskRunner(BlobStore& store, const stages::StageRegistry& stages,
             const Clock& clock, RankFacts rank);

  /// The run has this name and this rank this number: where the journal is.
  void Begin(const std::string& run, int rank);

  /// Never throws: what a stage or a library throws becomes the report's
  /// status. `progress` as in StageInput.
  TaskReport Run(const TaskRequest& request,
                 const std::function<bool(double)>& progress);

 private:
  Status RunStage(const TaskRequest& request,
                  const std::function<bool(double)>& progress,
                  TaskReport& report);
  Status AwaitInputs(const TaskRequest& request,
                     const std::function<bool(double)>& progress);
  Result<ArtifactMap> MapInputs(const TaskRequest& request,
                                const std::function<bool(double)>& progress,
                                TaskReport& report);
  Result<std::unique_ptr<cluster::Group>> GroupFor(const TaskRequest& request);
  void Note(const Json& record);

  BlobStore& store_;
  const stages::StageRegistry& stages_;
  const Clock& clock_;
  const RankFacts rank_;
  std::optional<Journal> journal_;
};

}  // namespace besom::run
