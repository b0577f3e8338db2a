#include "pipeline/run/coordinator.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipeline/base/log.h"

namespace besom::run {
namespace {

/// The longest sleep of the loop: bounds how late a time limit is seen.
constexpr double kLongestWait = 0.2;

/// How long running tasks may take to end after a request to stop.
constexpr double kStopSeconds = 5;

/// Failures that may pass when the task runs again.
bool MayPass(const Status& status) {
  return status.code() == StatusCode::kIo ||
         status.code() == StatusCode::kUnavailable;
}

}  // namespace

Coordinator::Coordinator(const SweepGraph& sweep, Executor& executor,
                         Recorder& recorder, Progress& progress,
                         const Clock& clock, std::function<int()> stop_requests,
                         CoordinatorOptions options)
    : sweep_(sweep),
      executor_(executor),
      recorder_(recorder),
      progress_(progress),
      clock_(clock),
      stop_requests_(std::move(stop_requests)),
      options_(options),
      attempts_(sweep.graph.size()),
      busy_(static_cast<std::size_t>(executor.ranks())),
      lost_(static_cast<std::size_t>(executor.ranks())) {}

Result<RunOutcome> Coordinator::Run(const std::vector<TaskId>& targets) {
  std::vector<bool> done(sweep_.graph.size());
  for (TaskId task = 0; task < done.size(); ++task)
    done[task] = recorder_.outputs()[task].has_value();
  scheduler_.emplace(sweep_.graph, done, targets, options_.max_retries);
  std::map<std::string, std::pair<std::size_t, std::size_t>> counts;
  for (TaskId task = 0; task < done.size(); ++task) {
    auto& [todo, reused] = counts[sweep_.graph[task].stage];
    const TaskState state = scheduler_->state(task);
    if (state == TaskState::kDone) ++reused;
    if (state == TaskState::kWaiting || state == TaskState::kReady) ++todo;
  }
  for (const auto& [stage, count] : counts) {
    progress_.Expect(stage, count.first, count.second);
    outcome_.tasks_reused += count.second;
  }
  start_ = clock_.Monotonic();
  while (true) {
    StopIfAsked();
    BESOM_RETURN_IF_ERROR(StartReadyTasks());
    if (scheduler_->finished()) break;
    if (MustAbandon()) {
      outcome_.abandoned = true;
      break;
    }
    BESOM_ASSIGN_OR_RETURN(
        std::optional<ExecutorEvent> event,
        executor_.Wait(std::min(kLongestWait, Recorder::kCommitWindow)));
    if (event) BESOM_RETURN_IF_ERROR(Handle(*std::move(event)));
    BESOM_RETURN_IF_ERROR(recorder_.FlushIfDue());
    progress_.Draw();
  }
  BESOM_RETURN_IF_ERROR(recorder_.Flush());
  outcome_.trials_done = recorder_.trials_done();
  outcome_.trials_failed = recorder_.trials_failed();
  return outcome_;
}

void Coordinator::StopIfAsked() {
  if (outcome_.interrupted) return;
  if (stop_requests_() > 0) return Stop("asked to stop");
  if (options_.time_limit > 0 &&
      clock_.Monotonic() - start_ > options_.time_limit)
    return Stop("limits.time is over");
}

void Coordinator::Stop(std::string why) {
  if (outcome_.interrupted) return;
  outcome_.interrupted = true;
  outcome_.why = std::move(why);
  stop_by_ = clock_.Monotonic() + kStopSeconds;
  scheduler_->Stop();
  executor_.Interrupt();
  recorder_.Event("stopping", {{"why", outcome_.why}});
}

bool Coordinator::MustAbandon() const {
  return outcome_.interrupted &&
         (stop_requests_() > 1 || clock_.Monotonic() > stop_by_);
}

Status Coordinator::StartReadyTasks() {
  for (int rank = 0; rank < executor_.ranks(); ++rank) {
    if (busy_[rank] || lost_[rank]) continue;
    const std::optional<TaskId> task = scheduler_->Next(rank);
    if (!task) return Status::Ok();
    busy_[rank] = *task;
    ++attempts_[*task];
    if (sweep_.graph[*task].stage == "fine_tune") recorder_.TrialRunning(*task);
    progress_.TaskShare(sweep_.graph[*task].stage, *task, 0);
    BESOM_RETURN_IF_ERROR(executor_.Start(rank, RequestFor(*task)));
  }
  return Status::Ok();
}

TaskRequest Coordinator::RequestFor(TaskId task) {
  const TaskNode& node = sweep_.graph[task];
  TaskRequest request;
  request.task = task;
  request.attempt = attempts_[task];
  request.key = node.key;
  request.stage = node.stage;
  request.params = node.params;
  request.hints = node.hints;
  for (const TaskInput& input : node.inputs) {
    const auto& outputs = *recorder_.outputs()[input.task];
    const auto blob = outputs.find(input.output);
    BESOM_CHECK(blob != outputs.end(),
                fmt::format("'{}' left nothing at '{}'",
                            sweep_.graph[input.task].label, input.output));
    request.inputs[input.port].push_back(blob->second);
  }
  const auto space = prior_rows_.find(node.space);
  if (!node.space.empty() && space != prior_rows_.end()) {
    std::vector<BlobRef>& priors = request.inputs["prior"];
    for (const Json& content : node.params.at("contents")) {
      const auto rows = space->second.find(content.get<std::string>());
      if (rows == space->second.end()) continue;
      for (const BlobRef& blob : rows->second)
        if (std::find(priors.begin(), priors.end(), blob) == priors.end())
          priors.push_back(blob);
    }
    if (priors.empty()) request.inputs.erase("prior");
  }
  return request;
}

Status Coordinator::Handle(ExecutorEvent event) {
  if (const auto* report = std::get_if<TaskReport>(&event.what))
    return HandleReport(event.rank, *report);
  if (const auto* progress = std::get_if<TaskProgress>(&event.what)) {
    progress_.TaskShare(sweep_.graph[progress->task].stage, progress->task,
                        progress->share);
    return Status::Ok();
  }
  HandleLostRank(event.rank);
  return Status::Ok();
}

Status Coordinator::HandleReport(int rank, const TaskReport& report) {
  const TaskId task = report.task;
  if (busy_[rank] != task || report.attempt != attempts_[task])
    return Status::Ok();  // Of an attempt that was given up before.
  busy_[rank].reset();
  Log(LogLevel::kInfo,
      fmt::format("rank {}: {}: {:.3f} s: {}", rank, sweep_.graph[task].label,
                  report.seconds, report.status.ToString()));
  if (report.status.ok()) {
    ++outcome_.tasks_run;
    scheduler_->MarkDone(task);
    progress_.TaskDone(sweep_.graph[task].stage, task);
    BESOM_RETURN_IF_ERROR(recorder_.TaskDone(report, rank));
    if (sweep_.graph[task].stage == "evaluate" && best_)
      progress_.Best(best_());
    return Status::Ok();
  }
  if (report.status.code() == StatusCode::kInterrupted) {
    recorder_.TaskNotDone(report, rank, "interrupted");
    scheduler_->PutBack(task);
    return Status::Ok();
  }
  recorder_.TaskNotDone(report, rank, "failed");
  if (report.broken_input) {
    // The next run finds the blob gone and makes it anew.
    scheduler_->PutBack(task);
    Stop(report.status.ToString());
    return Status::Ok();
  }
  const std::vector<TaskId> ended =
      scheduler_->MarkFailed(task, MayPass(report.status));
  if (ended.empty()) return Status::Ok();
  progress_.Say(fmt::format("failed: {}: {}", sweep_.graph[task].label,
                            report.status.ToString()));
  recorder_.TrialsFailed(ended, report.status);
  if (options_.fail_fast && recorder_.trials_failed() > 0)
    Stop("a trial failed (--fail-fast)");
  else if (recorder_.trials_failed() > options_.max_failed_trials)
    Stop("more trials failed than limits.failures allows");
  return Status::Ok();
}

void Coordinator::HandleLostRank(int rank) {
  lost_[rank] = true;
  recorder_.Event("rank_lost", {{"rank", rank}});
  progress_.Say(fmt::format("rank {} is lost; its task runs elsewhere", rank));
  if (!busy_[rank]) return;
  TaskReport report;
  report.task = *busy_[rank];
  report.status = IoError(fmt::format("rank {}", rank), "was lost");
  recorder_.TaskNotDone(report, rank, "lost");
  scheduler_->PutBack(*busy_[rank]);
  busy_[rank].reset();
}

}  // namespace besom::run
