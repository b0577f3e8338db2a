#include "pipeline/run/task_runner.h"

#include <fmt/format.h>

#include <exception>
#include <new>

namespace besom::run {

TaskRunner::TaskRunner(BlobStore& store, const stages::StageRegistry& stages,
                       const Clock& clock, std::string host, Json rank_hints)
    : store_(store),
      stages_(stages),
      clock_(clock),
      host_(std::move(host)),
      rank_hints_(std::move(rank_hints)) {}

Status TaskRunner::RunStage(const TaskRequest& request,
                            const std::function<bool(double)>& progress,
                            TaskReport& report) {
  const auto stage = stages_.find(request.stage);
  if (stage == stages_.end())
    return InternalError(request.stage, "this program has no such stage");
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
  Json hints = request.hints;
  hints.update(rank_hints_);
  BESOM_ASSIGN_OR_RETURN(
      const stages::StageOutput output,
      stage->second->Run({request.params, hints, artifacts, progress}));
  for (const auto& [port, bytes] : output.blobs) {
    BESOM_ASSIGN_OR_RETURN(const BlobRef blob, store_.Put(bytes));
    report.outputs.push_back({port, blob});
  }
  report.counters = output.counters;
  return Status::Ok();
}

TaskReport TaskRunner::Run(const TaskRequest& request,
                           const std::function<bool(double)>& progress) {
  TaskReport report;
  report.task = request.task;
  report.attempt = request.attempt;
  report.host = host_;
  report.device = "cpu";
  const double start = clock_.Monotonic();
  try {
    report.status = RunStage(request, progress, report);
  } catch (const std::bad_alloc&) {
    report.status = Status(StatusCode::kOutOfMemory, request.stage,
                           "out of memory", "use fewer ranks on this machine");
  } catch (const std::exception& error) {
    report.status = InternalError(request.stage, error.what());
  }
  report.seconds = clock_.Monotonic() - start;
  return report;
}

}  // namespace besom::run
