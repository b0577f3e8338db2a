#include "pipeline/run/adopt.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "pipeline/run/ended_tasks.h"
#include "pipeline/store/run_lock.h"

namespace besom::run {
namespace {

bool IsWhole(const TaskReport& report, const BlobStore& blobs) {
  return std::ranges::all_of(report.outputs, [&](const PortBlob& output) {
    return blobs.Has(output.blob);
  });
}

/// Runs without an end whose processes are gone.
Result<std::vector<db::RunRow>> DeadRuns(const WorkspaceLayout& layout,
                                         db::SweepId id,
                                         db::ResultsStore& results) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::RunRow> open,
                         results.OpenRuns(id));
  std::vector<db::RunRow> dead;
  for (const db::RunRow& run : open) {
    BESOM_ASSIGN_OR_RETURN(const bool alive, IsRunAlive(layout, run.run));
    if (!alive) dead.push_back(run);
  }
  return dead;
}

Status End(db::RunRow run, db::SweepId id, db::ResultsStore& results,
           const Clock& clock) {
  run.ended = clock.Wall();
  if (run.outcome.empty()) run.outcome = "killed";
  return results.PutRun(id, run);
}

}  // namespace

Result<std::size_t> AdoptFinished(const SweepGraph& sweep, db::SweepId id,
                                  db::ResultsStore& results,
                                  const BlobStore& blobs, Recorder& recorder,
                                  const Clock& clock) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::RunRow> dead,
                         DeadRuns(blobs.layout(), id, results));
  std::unordered_map<std::string, TaskId> tasks;
  std::map<TaskId, TaskReport> found;
  for (const db::RunRow& run : dead) {
    if (tasks.empty())
      for (TaskId task = 0; task < sweep.graph.size(); ++task)
        tasks.emplace(sweep.graph[task].key.Hex(), task);
    const auto take = [&](const std::string& key, const Json& json) {
      const auto task = tasks.find(key);
      if (task == tasks.end() || recorder.outputs()[task->second]) return;
      Result<TaskReport> report = ReportFromJson(json);
      if (!report.ok() || !report->status.ok() || report->outputs.empty() ||
          !IsWhole(*report, blobs))
        return;
      report->task = task->second;
      found.emplace(task->second, *std::move(report));
    };
    BESOM_RETURN_IF_ERROR(ForEachEnded(blobs.layout(), run.run, take));
    BESOM_RETURN_IF_ERROR(End(run, id, results, clock));
  }
  std::size_t adopted = 0;
  for (const auto& [task, report] : found)
    if (recorder.TaskDone(report, 0).ok()) ++adopted;
  BESOM_RETURN_IF_ERROR(recorder.Flush());
  return adopted;
}

Status EndDeadRuns(const WorkspaceLayout& layout, db::SweepId id,
                   db::ResultsStore& results, const Clock& clock) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<db::RunRow> dead,
                         DeadRuns(layout, id, results));
  for (const db::RunRow& run : dead)
    BESOM_RETURN_IF_ERROR(End(run, id, results, clock));
  return Status::Ok();
}

}  // namespace besom::run
