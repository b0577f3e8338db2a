#include "pipeline/cli/trained/refit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "cluster/cpu.h"
#include "db/reader.h"
#include "db/results_store.h"
#include "pipeline/base/clock.h"
#include "pipeline/cli/rank_places.h"
#include "pipeline/cli/trained/refit_plan.h"
#include "pipeline/run/known_outputs.h"
#include "pipeline/run/replan.h"
#include "pipeline/run/result_rows.h"
#include "pipeline/run/stage_versions.h"
#include "pipeline/run/task_runner.h"
#include "pipeline/store/run_lock.h"
#include "stages/model/engine_loader.h"

namespace besom::cli {
namespace {

Status GoneError(const std::string& trial, const std::string& what) {
  return {StatusCode::kNotFound, "trial " + trial,
          what + " is not in the store any more, which a refit needs",
          "`besom run SPEC --rerun " + trial + "` makes it again"};
}

/// What the trial's sweep recorded of the data that it planned from.
Result<run::RecordedData> LoadRecordedData(db::Reader& reader, BlobStore& blobs,
                                           const std::string& sweep) {
  run::RecordedData data;
  BESOM_ASSIGN_OR_RETURN(
      const db::Table scans,
      reader.Query("SELECT DISTINCT b.digest, b.size FROM task k JOIN sweep s "
                   "USING(sweep_id) JOIN blob b USING(key) WHERE s.name = ? "
                   "AND k.stage = 'scan' AND b.port = 'scan' AND b.removed IS "
                   "NULL ORDER BY b.digest",
                   {sweep}));
  for (const auto& row : scans.rows) {
    BESOM_ASSIGN_OR_RETURN(const Digest digest,
                           Digest::FromHex(db::TextOf(row[0])));
    const Result<Artifact> blob =
        blobs.Get({digest, static_cast<std::uint64_t>(db::IntegerOf(row[1]))});
    if (blob.status().code() == StatusCode::kNotFound) continue;
    if (!blob.ok()) return blob.status();
    BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(blob->text(), "scan"));
    BESOM_ASSIGN_OR_RETURN(stages::SourceScan scan,
                           stages::SourceScan::FromJson(json));
    data.scans.push_back(std::move(scan));
  }
  BESOM_ASSIGN_OR_RETURN(
      const db::Table splits,
      reader.Query("SELECT DISTINCT a.params FROM task k JOIN sweep s "
                   "USING(sweep_id) JOIN action a USING(key) WHERE s.name = ? "
                   "AND k.stage = 'split' ORDER BY a.params",
                   {sweep}));
  for (const auto& row : splits.rows) {
    BESOM_ASSIGN_OR_RETURN(const Json params,
                           ParseJson(db::TextOf(row[0]), "action.params"));
    if (params.contains("file_rows"))
      data.split_rows.push_back(params["file_rows"]);
  }
  return data;
}

Result<std::vector<int>> LoadChosenEpochs(db::Reader& reader,
                                          const db::TrialModel& trial) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query(
          "SELECT chosen_epoch FROM fits WHERE sweep = ? AND trial = ?",
          {trial.sweep, trial.trial}));
  std::vector<int> chosen;
  for (const auto& row : rows.rows)
    chosen.push_back(static_cast<int>(db::IntegerOf(row[0])));
  return chosen;
}

BlobRef BlobAt(const run::TaskOutputs& outputs, const std::string& port) {
  const auto found = std::ranges::find(outputs, port, &run::PortBlob::port);
  return found == outputs.end() ? BlobRef() : found->blob;
}

/// Finds or computes the tasks of one refit.
class RefitWork {
 public:
  RefitWork(const TrainedTrial& trial, BlobStore& blobs,
            db::ResultsStore& results)
      : trial_(trial), blobs_(blobs), results_(results) {}

  /// Plans the refit; how many images it trains on.
  Result<std::size_t> Plan(const run::SweepGraph& sweep, int epochs);
  /// The "weights" blob of the refit.
  Result<Artifact> Weights();

 private:
  Result<std::optional<run::TaskOutputs>> Find(TaskId task);
  Result<BlobRef> FindInput(const TaskInput& input);
  Result<run::TaskReport> Compute(run::TaskRunner& runner, TaskId task);
  Result<run::TaskReport> MakeSplit();
  Status CheckOffered(TaskId task,
                      const std::vector<std::string>& offered) const;
  Status ComputeAll();
  Status Record(TaskId task, const run::TaskReport& report);

  const TrainedTrial& trial_;
  BlobStore& blobs_;
  db::ResultsStore& results_;
  const SystemClock clock_;
  RefitPlan plan_;
  std::string split_;  // The table of the refit, as its blob.
};

/// None where its outputs are not all in the store.
Result<std::optional<run::TaskOutputs>> RefitWork::Find(TaskId task) {
  BESOM_ASSIGN_OR_RETURN(const std::optional<db::ActionRow> action,
                         results_.FindAction(plan_.graph[task].key.Hex()));
  if (!action) return std::optional<run::TaskOutputs>();
  Result<run::TaskOutputs> outputs = run::OutputsOf(*action, blobs_);
  if (!outputs.ok()) return std::optional<run::TaskOutputs>();
  return std::optional(*std::move(outputs));
}

Result<BlobRef> RefitWork::FindInput(const TaskInput& input) {
  BESOM_ASSIGN_OR_RETURN(const auto outputs, Find(input.task));
  if (!outputs)
    return GoneError(trial_.record.trial,
                     "'" + plan_.graph[input.task].label + "'");
  return BlobAt(*outputs, input.output);
}

Result<std::size_t> RefitWork::Plan(const run::SweepGraph& sweep, int epochs) {
  plan_.graph = sweep.graph;
  BESOM_ASSIGN_OR_RETURN(
      const BlobRef blob,
      FindInput({"split", sweep.data.front().split, "split"}));
  BESOM_ASSIGN_OR_RETURN(const Artifact of_sweep, blobs_.Get(blob));
  BESOM_ASSIGN_OR_RETURN(const Json json, ParseJson(of_sweep.text(), "split"));
  BESOM_ASSIGN_OR_RETURN(const stages::SplitTable split,
                         stages::SplitTable::FromJson(json));
  BESOM_ASSIGN_OR_RETURN(plan_, PlanRefit(sweep, epochs, TrainsOnMore(split)));
  const stages::SplitTable refit = RefitSplit(split);
  split_ = CanonicalText(refit.ToJson());
  return refit.Members("train", 0, 0).size();
}

Result<run::TaskReport> RefitWork::Compute(run::TaskRunner& runner,
                                           TaskId task) {
  const TaskNode& node = plan_.graph[task];
  run::TaskRequest request;
  request.attempt = 1;
  request.key = node.key;
  request.stage = node.stage;
  request.numerics = node.numerics;
  request.params = node.params;
  request.hints = node.hints;
  request.ranks = {0};
  for (const TaskInput& input : node.inputs) {
    BESOM_ASSIGN_OR_RETURN(const BlobRef blob, FindInput(input));
    request.inputs[input.port].push_back(blob);
  }
  if (const auto views = plan_.views.find(task); views != plan_.views.end()) {
    BESOM_ASSIGN_OR_RETURN(const auto known, Find(views->second));
    if (known) request.inputs[run::kPriorPort] = {BlobAt(*known, "features")};
  }
  return std::move(runner.Run(request, [](double) { return false; }).front());
}

Status RefitWork::Record(TaskId task, const run::TaskReport& report) {
  BESOM_ASSIGN_OR_RETURN(const auto sweep,
                         results_.FindSweep(trial_.record.sweep));
  if (!sweep)
    return InternalError(trial_.record.sweep, "the sweep has disappeared");
  db::CommitBatch batch;
  batch.actions.push_back(
      run::ActionRowOf(plan_.graph[task], report, 0, clock_.Wall()));
  return results_.Commit(sweep->id, batch);
}

/// The split of the refit, which is made here, as a task that has ended.
Result<run::TaskReport> RefitWork::MakeSplit() {
  BESOM_ASSIGN_OR_RETURN(const BlobRef blob, blobs_.Put(split_));
  run::TaskReport report;
  report.outputs = {{"split", blob}};
  report.host = cluster::HostName();
  return report;
}

/// Whether this machine has what the task is to be computed with.
Status RefitWork::CheckOffered(TaskId task,
                               const std::vector<std::string>& offered) const {
  const std::string& tag = plan_.graph[task].numerics;
  if (tag.empty()) return Status::Ok();
  if (std::ranges::find(offered, tag) == offered.end())
    return {StatusCode::kUnavailable, "--refit",
            "it is to be computed with " + tag +
                ", which this machine does not offer",
            "call it once on a machine like those that ran the sweep"};
  return stages::LoadEngines();
}

Status RefitWork::ComputeAll() {
  BESOM_ASSIGN_OR_RETURN(const std::vector<std::string> offered,
                         NumericsHere());
  const stages::StageRegistry stages =
      run::StagesWith(stages::MakeFeatureEngines, stages::MakeTrainedBase);
  run::TaskRunner runner(blobs_, stages, clock_,
                         {.host = cluster::HostName(),
                          .threads = cluster::UsableCores(),
                          .numerics = offered,
                          .gpu = "cuda:0"});
  for (TaskId task = plan_.first; task < plan_.graph.size(); ++task) {
    BESOM_ASSIGN_OR_RETURN(const auto known, Find(task));
    if (known) continue;
    BESOM_RETURN_IF_ERROR(CheckOffered(task, offered));
    BESOM_ASSIGN_OR_RETURN(
        const run::TaskReport report,
        task == plan_.refit_split ? MakeSplit() : Compute(runner, task));
    BESOM_RETURN_IF_ERROR(report.status);
    BESOM_RETURN_IF_ERROR(Record(task, report));
  }
  return Status::Ok();
}

Result<Artifact> RefitWork::Weights() {
  BESOM_ASSIGN_OR_RETURN(auto outputs, Find(plan_.fine_tune));
  if (!outputs) {
    BESOM_RETURN_IF_ERROR(ComputeAll());
    BESOM_ASSIGN_OR_RETURN(outputs, Find(plan_.fine_tune));
  }
  if (!outputs)
    return InternalError("--refit", "what was trained is not in the store");
  return blobs_.Get(BlobAt(*outputs, "weights"));
}

}  // namespace

Result<TrainedTrial> LoadRefittedTrial(const Path& workspace,
                                       const std::string& sweep,
                                       const std::string& trial) {
  BESOM_ASSIGN_OR_RETURN(TrainedTrial loaded,
                         FindTrainedTrial(workspace, sweep, trial));
  const WorkspaceLayout layout(workspace);
  BESOM_ASSIGN_OR_RETURN(const WorkspaceLock shared,
                         WorkspaceLock::TakeShared(layout));
  BESOM_ASSIGN_OR_RETURN(const auto results,
                         db::ResultsStore::Open(layout.database()));
  BESOM_ASSIGN_OR_RETURN(auto reader, db::Reader::Open(layout.database()));
  BlobStore blobs(layout);
  BESOM_ASSIGN_OR_RETURN(const run::RecordedData data,
                         LoadRecordedData(*reader, blobs, loaded.record.sweep));
  BESOM_ASSIGN_OR_RETURN(const run::SweepGraph plan,
                         run::PlanAgain({loaded.record.trial, loaded.config(),
                                         loaded.record.numerics},
                                        data));
  BESOM_ASSIGN_OR_RETURN(const std::vector<int> chosen,
                         LoadChosenEpochs(*reader, loaded.record));
  reader.reset();  // Without a write-ahead log it would keep the writer out.
  Refit refit{.epochs = RefitEpochs(chosen)};
  RefitWork work(loaded, blobs, *results);
  BESOM_ASSIGN_OR_RETURN(refit.images, work.Plan(plan, refit.epochs));
  BESOM_ASSIGN_OR_RETURN(const Artifact weights, work.Weights());
  fmt::print(stderr,
             "note: one network trained anew on the {} images that the fits "
             "trained or validated on, for {} epochs. It has no held-out "
             "figures of its own: those of the trial are of its fits\n",
             refit.images, refit.epochs);
  refit.weights = weights.ref().digest.Hex();
  loaded.heads = {std::string(weights.text())};
  loaded.refit = std::move(refit);
  return loaded;
}

Result<TrainedTrial> LoadFitsOrRefit(const Path& workspace,
                                     const std::string& sweep,
                                     const std::string& trial, bool refit) {
  return refit ? LoadRefittedTrial(workspace, sweep, trial)
               : LoadTrainedTrial(workspace, sweep, trial);
}

}  // namespace besom::cli
