#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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
  int threads = 1;  ///< For its work, unless the run says how many.
  /// The tags of the tasks that it can compute.
  std::vector<std::string> numerics;
  std::string gpu;          ///< "cuda:0"; empty = none.
  bool shares_gpu = false;  ///< With other ranks of this job.
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

  /// The run that begins, and this rank's number: where the journal is.
  void Begin(const RunBegins& run, int rank);

  /// Never throws: what a stage or a library throws becomes the report's
  /// status. `progress` as in StageInput.
  TaskReport Run(const TaskRequest& request,
                 const std::function<bool(double)>& progress);

  /// The report of a task that is not begun because the run must stop; the
  /// ranks that would compute it with this one are told.
  TaskReport Decline(const TaskRequest& request);

  /// Whether others of this job use this rank's GPU too: what it keeps there
  /// between tasks must be released when no task needs it.
  bool shares_gpu() const { return rank_.shares_gpu; }
  /// Has the stages give back what they keep on this rank's GPU.
  void ReleaseDevice();

 private:
  Result<stages::StageOutput> RunTogether(stages::Stage& stage,
                                          const stages::StageInput& input);
  Status CheckNumerics(const TaskRequest& request) const;
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
  int threads_;
  bool keeps_device_ = false;  // A task has computed on the GPU.
  std::optional<Journal> journal_;
};

}  // namespace besom::run
