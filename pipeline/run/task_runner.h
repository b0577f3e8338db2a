#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/group.h"
#include "pipeline/base/clock.h"
#include "pipeline/run/blob_courier.h"
#include "pipeline/run/checkpoint_file.h"
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

/// Runs a task, or several in one call, on this rank: maps the inputs, runs the
/// stage, stores the outputs, and keeps a journal of both. What a task left of
/// how far it was goes with its outputs stored, and with an error that another
/// attempt would meet again. Inputs that are not
/// visible yet are looked for (BlobSearch), with a word of progress before
/// every pause, so that the task's lease holds. Borrows all references. One
/// thread at a time.
class TaskRunner {
 public:
  TaskRunner(BlobStore& store, const stages::StageRegistry& stages,
             const Clock& clock, RankFacts rank);

  /// From now on blobs are kept in `own`, and brought there and to rank 0 by
  /// `courier`; so are weights that a task names by their path at rank 0.
  /// Borrows both. Before Begin.
  void KeepIn(BlobStore& own, BlobCourier& courier);

  /// The run that begins, and this rank's number: where the journal is.
  void Begin(const RunBegins& run, int rank);

  /// The reports of the task and of its companions, in their order. Never
  /// throws: what a stage or a library throws becomes their status. `progress`
  /// as in StageInput.
  std::vector<TaskReport> Run(const TaskRequest& request,
                              const std::function<bool(double)>& progress);

  /// The reports of what is not begun because the run must stop; the ranks that
  /// would compute it with this one are told.
  std::vector<TaskReport> Decline(const TaskRequest& request);

  const std::string& host() const { return rank_.host; }
  BlobStore& store() const { return *store_; }
  /// Whether others of this job use this rank's GPU too: what it keeps there
  /// between tasks must be released when no task needs it.
  bool shares_gpu() const { return rank_.shares_gpu; }
  /// Has the stages give back what they keep on this rank's GPU.
  void ReleaseDevice();

 private:
  using Outputs = std::vector<Result<stages::StageOutput>>;
  /// What the tasks of a request read.
  struct TaskInputs {
    ArtifactMap shared;            ///< Of the first one, and of all that have
    std::vector<ArtifactMap> own;  ///< none of their own.
    const ArtifactMap& of(std::size_t task) const {
      return task == 0 || own.empty() ? shared : own[task - 1];
    }
  };
  /// Of the tasks of a request, in their order.
  using Checkpoints = std::vector<std::unique_ptr<CheckpointFile>>;
  Checkpoints CheckpointsOf(const TaskRequest& request,
                            const std::function<bool()>& still_there) const;
  Result<Outputs> RunAll(stages::Stage& stage, const TaskRequest& request,
                         const TaskInputs& artifacts, const Json& hints,
                         const std::function<bool(double)>& progress,
                         const Checkpoints& checkpoints, cluster::Group* group);
  Status CheckNumerics(const TaskRequest& request) const;
  Status RunStage(const TaskRequest& request,
                  const std::function<bool(double)>& progress,
                  std::vector<TaskReport>& reports);
  Status CheckInputs(const ArtifactMap& artifacts,
                     std::optional<BlobRef>& broken) const;
  Status CheckInputs(const TaskInputs& artifacts,
                     std::optional<BlobRef>& broken) const;
  Status Keep(const stages::StageOutput& output, TaskReport& report,
              const std::function<bool(double)>& progress);
  Result<Artifact> Bring(const BlobRef& ref,
                         const std::function<bool(double)>& progress);
  Status BringWeights(Json& hints, const std::function<bool(double)>& progress);
  Status AwaitInputs(const TaskRequest& request,
                     const std::function<bool(double)>& progress);
  Result<std::vector<Artifact>> MapPort(
      const std::string& port, const std::vector<BlobRef>& refs,
      const std::function<bool(double)>& progress,
      std::optional<BlobRef>& broken);
  Result<TaskInputs> MapInputs(const TaskRequest& request,
                               const std::function<bool(double)>& progress,
                               std::optional<BlobRef>& broken);
  Result<std::unique_ptr<cluster::Group>> GroupFor(const TaskRequest& request);
  void Note(const Json& record);

  BlobStore* store_;                // Borrowed.
  BlobCourier* courier_ = nullptr;  // Borrowed; null = rank 0's store.
  const stages::StageRegistry& stages_;
  const Clock& clock_;
  const RankFacts rank_;
  int threads_;
  std::int64_t memory_ = 0;
  double checkpoint_seconds_ = RunBegins().checkpoint_seconds;
  bool keeps_device_ = false;  // A task has computed on the GPU.
  std::optional<Journal> journal_;
};

}  // namespace besom::run
