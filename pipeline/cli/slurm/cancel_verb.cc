#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <list>
#include <memory>
#include <thread>

#include "cluster/slurm_queue.h"
#include "pipeline/base/clock.h"
#include "pipeline/cli/report_status.h"
#include "pipeline/cli/run_arguments.h"
#include "pipeline/cli/slurm/slurm_verbs.h"
#include "pipeline/store/job_record.h"

namespace besom::cli {
namespace {

/// A running job has so long to store what it has, then Slurm ends it.
constexpr double kStopSeconds = 60;
constexpr double kPause = 0.5;

/// How far ending one job has come.
class JobStop {
 public:
  JobStop(const WorkspaceLayout& layout, std::string sweep,
          const std::optional<SweepShard>& shard)
      : layout_(layout), sweep_(std::move(sweep)), shard_(shard) {}

  /// True when the job has ended.
  Result<bool> Step();
  Status End() const;

 private:
  Result<std::optional<JobRecord>> MarkedRecord();

  const WorkspaceLayout& layout_;
  const std::string sweep_;
  const std::optional<SweepShard> shard_;
  const SystemClock clock_;
  std::string asked_;  // The job whose script was told to stop.
  double deadline_ = 0;
};

/// The job by its record, which says from now on that nothing is to follow.
/// Its script may replace the record at the same time, so it is looked at
/// again at every step.
Result<std::optional<JobRecord>> JobStop::MarkedRecord() {
  BESOM_ASSIGN_OR_RETURN(std::optional<JobRecord> record,
                         ReadJobRecord(layout_, sweep_, shard_));
  if (record && record->ended == 0 && !record->cancelled) {
    record->cancelled = true;
    BESOM_RETURN_IF_ERROR(WriteJobRecord(layout_, *record, shard_));
  }
  return record;
}

Result<bool> JobStop::Step() {
  BESOM_ASSIGN_OR_RETURN(const std::optional<JobRecord> record, MarkedRecord());
  if (!record || record->ended > 0) return true;
  const cluster::JobName name = {record->job, record->cluster};
  const Result<cluster::QueuedJob> job = cluster::FindJob(name);
  if (job.status().code() == StatusCode::kNotFound) return true;
  if (!job.ok()) return job.status();
  switch (job->phase) {
    case cluster::JobPhase::kEnded:
      return true;
    case cluster::JobPhase::kEnding:
      return false;
    case cluster::JobPhase::kPending:
      BESOM_RETURN_IF_ERROR(cluster::Cancel(name));
      return false;
    case cluster::JobPhase::kRunning:
      break;
  }
  if (asked_ != name.job) {
    asked_ = name.job;
    deadline_ = clock_.Monotonic() + kStopSeconds;
    BESOM_RETURN_IF_ERROR(cluster::SignalScript(name, "USR1"));
  } else if (clock_.Monotonic() > deadline_) {
    BESOM_RETURN_IF_ERROR(cluster::Cancel(name));
  }
  return false;
}

/// Says in the record that nothing follows.
Status JobStop::End() const {
  BESOM_ASSIGN_OR_RETURN(std::optional<JobRecord> record,
                         ReadJobRecord(layout_, sweep_, shard_));
  // The script has said so itself, unless it never ran.
  if (!record || record->ended > 0) return Status::Ok();
  record->ended = clock_.Wall();
  record->why = "cancelled";
  return WriteJobRecord(layout_, *record, shard_);
}

Status CancelSweep(const WorkspaceLayout& layout, const std::string& sweep) {
  BESOM_ASSIGN_OR_RETURN(const std::vector<JobRecord> records,
                         JobRecordsOf(layout, sweep));
  if (records.empty())
    return InvalidError(sweep, "no job of this sweep was submitted from here",
                        "name the sweep, and with -w the workspace, that was "
                        "submitted");
  BESOM_RETURN_IF_ERROR(cluster::CheckSlurmIsHere());
  const bool alone =
      records.size() == 1 && StatFile(layout.job_record(sweep, {})).ok();
  const int count = static_cast<int>(records.size());
  std::list<JobStop> stops;
  for (int i = 0; i < count; ++i)
    stops.emplace_back(
        layout, sweep,
        alone ? std::nullopt : std::optional(SweepShard{count, i}));
  Status failed;  // The first; what can be cancelled is, all the same.
  while (!stops.empty()) {
    for (auto stop = stops.begin(); stop != stops.end();) {
      const Result<bool> ended = stop->Step();
      const Status said = ended.ok() && *ended ? stop->End() : ended.status();
      if (failed.ok()) failed = said;
      stop = !said.ok() || *ended ? stops.erase(stop) : std::next(stop);
    }
    if (!stops.empty())
      std::this_thread::sleep_for(std::chrono::duration<double>(kPause));
  }
  BESOM_RETURN_IF_ERROR(failed);
  fmt::print("{}: cancelled; submitting or running it again goes on\n", sweep);
  return Status::Ok();
}

}  // namespace

void AddCancelVerb(CLI::App& app, const GlobalOptions& global,
                   VerbAction& action) {
  CLI::App* verb = app.add_subcommand(
      "cancel", "End the Slurm job of a sweep; what is finished stays");
  const auto sweep = std::make_shared<std::string>();
  verb->add_option("sweep", *sweep, "Name of the sweep")
      ->required()
      ->type_name("SWEEP");
  verb->callback([sweep, &global, &action] {
    action = [sweep, &global] {
      const WorkspaceLayout layout(WorkspaceOf(global));
      return ReportStatus(CancelSweep(layout, *sweep));
    };
  });
}

}  // namespace besom::cli
