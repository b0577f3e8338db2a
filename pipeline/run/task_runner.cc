#include "pipeline/run/task_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "cluster/self_group.h"
#include "pipeline/base/log.h"
#include "pipeline/store/blob_search.h"
#include "stages/model/numerics_tag.h"

namespace besom::run {

TaskRunner::TaskRunner(BlobStore& store, const stages::StageRegistry& stages,
                       const Clock& clock, RankFacts rank)
    : store_(store),
      stages_(stages),
      clock_(clock),
      rank_(std::move(rank)),
      threads_(rank_.threads) {}

void TaskRunner::Begin(const RunBegins& run, int rank) {
  threads_ = run.threads > 0 ? run.threads : rank_.threads;
  Result<Journal> journal =
      Journal::Open(store_.layout().journal(run.run, rank));
  if (journal.ok())
    journal_.emplace(*std::move(journal));
  else
    Log(LogLevel::kWarning, journal.status().ToString());
}

/// A journal that cannot be written costs only what a crash would lose.
void TaskRunner::Note(const Json& record) {
  if (!journal_) return;
  if (const Status status = journal_->Append(record); !status.ok()) {
    Log(LogLevel::kWarning, status.ToString());
    journal_.reset();
  }
}

/// Waits for inputs that other machines have stored and this one cannot see
/// yet. OK also when some stay missing.
Status TaskRunner::AwaitInputs(const TaskRequest& request,
                               const std::function<bool(double)>& progress) {
  std::vector<BlobRef> wanted;
  for (const auto& [port, refs] : request.inputs)
    wanted.insert(wanted.end(), refs.begin(), refs.end());
  return BlobSearch(store_).Await(wanted, [&] { return progress(0); }).status();
}

Result<ArtifactMap> TaskRunner::MapInputs(
    const TaskRequest& request, const std::function<bool(double)>& progress,
    TaskReport& report) {
  if (store_.patience().seconds > 0)
    BESOM_RETURN_IF_ERROR(AwaitInputs(request, progress));
  ArtifactMap artifacts;
  for (const auto& [port, refs] : request.inputs) {
    std::vector<Artifact>& inputs = artifacts[port];
    for (const BlobRef& ref : refs) {
      Result<Artifact> artifact = store_.Get(ref);
      if (!artifact.ok()) {
        report.broken_input = ref;
        return artifact.status().Within(port);
      }
      inputs.push_back(*std::move(artifact));
    }
  }
  return artifacts;
}

/// Null for a task that is not cut into shards.
Result<std::unique_ptr<cluster::Group>> TaskRunner::GroupFor(
    const TaskRequest& request) {
  const int shards = request.params.value("shards", 1);
  if (shards <= 1) return std::unique_ptr<cluster::Group>();
  if (request.ranks.size() <= 1)
    return std::unique_ptr<cluster::Group>(
        std::make_unique<cluster::SelfGroup>(shards));
  if (!rank_.join)
    return InternalError(request.stage, "these ranks cannot form groups");
  return rank_.join(request, shards);
}

/// The others of a group must not wait for one whom an exception took away.
Result<stages::StageOutput> TaskRunner::RunTogether(
    stages::Stage& stage, const stages::StageInput& input) {
  try {
    return stage.Run(input);
  } catch (const std::exception& error) {
    if (input.group)
      input.group->Abort(IoError(std::string(stage.name()), error.what()));
    throw;
  }
}

TaskReport TaskRunner::Decline(const TaskRequest& request) {
  TaskReport report;
  report.task = request.task;
  report.attempt = request.attempt;
  report.status =
      Status(StatusCode::kInterrupted, request.stage, "asked to stop");
  if (request.ranks.size() <= 1) return report;
  if (const auto group = GroupFor(request); group.ok() && *group)
    (*group)->Abort(report.status);
  return report;
}

Status TaskRunner::RunStage(const TaskRequest& request,
                            const std::function<bool(double)>& progress,
                            TaskReport& report) {
  const auto stage = stages_.find(request.stage);
  if (stage == stages_.end())
    return InternalError(request.stage, "this program has no such stage");
  BESOM_ASSIGN_OR_RETURN(const std::unique_ptr<cluster::Group> group,
                         GroupFor(request));
  Result<ArtifactMap> artifacts = MapInputs(request, progress, report);
  if (!artifacts.ok()) {
    if (group) group->Abort(artifacts.status());
    return artifacts.status();
  }
  Json hints = request.hints;
  hints["threads"] = threads_;
  hints["device"] = report.device;
  const Result<stages::StageOutput> output =
      RunTogether(*stage->second,
                  {request.params, hints, *artifacts, progress, group.get()});
  // The stage itself has told the others where they do not know.
  if (!output.ok()) return output.status();
  for (const auto& [port, inputs] : *artifacts) {
    for (const Artifact& input : inputs) {
      const Status unhurt = store_.CheckUnhurt(input);
      if (unhurt.ok()) continue;
      report.broken_input = input.ref();
      return unhurt.Within(port);
    }
  }
  for (const auto& [port, bytes] : output->blobs) {
    BESOM_ASSIGN_OR_RETURN(const BlobRef blob, store_.Put(bytes));
    report.outputs.push_back({port, blob});
  }
  report.counters = output->counters;
  report.device_peak = output->memory.peak;
  report.device_bytes = output->memory.total;
  return Status::Ok();
}

/// Rank 0 gives a task only to ranks that can compute it.
Status TaskRunner::CheckNumerics(const TaskRequest& request) const {
  if (request.numerics.empty() ||
      std::ranges::find(rank_.numerics, request.numerics) !=
          rank_.numerics.end())
    return Status::Ok();
  return InternalError(
      request.stage,
      fmt::format("needs {}, this rank offers {}", request.numerics,
                  fmt::join(rank_.numerics, ", ")));
}

void TaskRunner::ReleaseDevice() {
  if (!std::exchange(keeps_device_, false)) return;
  for (const auto& [name, stage] : stages_) stage->ReleaseDevice();
}

TaskReport TaskRunner::Run(const TaskRequest& request,
                           const std::function<bool(double)>& progress) {
  TaskReport report;
  report.task = request.task;
  report.attempt = request.attempt;
  report.host = rank_.host;
  const bool on_gpu = stages::DeviceKindOf(request.numerics) == "cuda";
  keeps_device_ = keeps_device_ || on_gpu;
  report.device = on_gpu ? rank_.gpu : "cpu";
  const std::string key = request.key.Hex();
  Note({{"begin", key}, {"attempt", request.attempt}});
  const double start = clock_.Monotonic();
  try {
    report.status = CheckNumerics(request);
    if (report.status.ok()) report.status = RunStage(request, progress, report);
  } catch (const std::bad_alloc&) {
    report.status = Status(StatusCode::kOutOfMemory, request.stage,
                           "out of memory", "use fewer ranks on this machine");
  } catch (const std::exception& error) {
    report.status = InternalError(request.stage, error.what());
  }
  // What filled the memory must not stand in the way of the next task.
  if (report.status.code() == StatusCode::kOutOfMemory) ReleaseDevice();
  report.seconds = clock_.Monotonic() - start;
  Note({{"end", key}, {"report", ReportToJson(report)}});
  return report;
}

}  // namespace besom::run
