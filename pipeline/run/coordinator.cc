#include "pipeline/run/coordinator.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace besom::run {
namespace {

/// The longest sleep of the loop: bounds how late a time limit is seen.
constexpr double kLongestWait = 0.2;

/// Seconds after which a pause in listening to the ranks is not their fault.
constexpr double kLongestDeafness = 1;

/// How often to look for what other runs compute.
constexpr double kElsewhereSeconds = 0.1;

/// Handed out, or handled, before the loop looks at anything else.
constexpr std::size_t kMostAtOnce = 256;

/// Failures that may pass when the task runs again.
bool MayPass(const Status& status) {
  return status.code() == StatusCode::kIo ||
         status.code() == StatusCode::kUnavailable ||
         status.code() == StatusCode::kCorrupt;
}

/// Why a task is given up that itself did nothing wrong.
Status InputFailed() {
  return Status(StatusCode::kFailed, "", "an input failed");
}

/// No rank of the job can compute `node`.
Status NobodyOffers(const TaskNode& node,
                    const std::vector<RankTraits>& ranks) {
  std::set<std::string> offered;
  for (const RankTraits& rank : ranks)
    offered.insert(rank.numerics.begin(), rank.numerics.end());
  return Status(
      StatusCode::kUnavailable, node.label,
      fmt::format("the sweep computes with {}, and the ranks here with {}",
                  node.numerics, fmt::join(offered, ", ")),
      "run it on machines like those that it began on, or give the sweep "
      "another name to begin anew");
}

}  // namespace

Coordinator::Coordinator(const SweepGraph& sweep, Executor& executor,
                         Recorder& recorder, RunObserver& observer,
                         const Clock& clock, std::function<int()> stop_requests,
                         CoordinatorOptions options)
    : sweep_(sweep),
      executor_(executor),
      recorder_(recorder),
      observer_(observer),
      clock_(clock),
      stop_requests_(std::move(stop_requests)),
      options_(options),
      orders_(sweep.graph, recorder.outputs()),
      handed_out_(sweep.graph.size()),
      finished_(sweep.graph.size()) {}

Status Coordinator::Prepare(const std::vector<TaskId>& targets) {
  std::vector<bool> done(sweep_.graph.size());
  for (TaskId task = 0; task < done.size(); ++task)
    done[task] = recorder_.outputs()[task].has_value();
  SchedulerOptions how;
  how.ranks = executor_.traits();
  how.max_retries = options_.max_retries;
  how.lease_seconds = options_.lease_seconds;
  how.bytes_per_rank = options_.bytes_per_rank;
  scheduler_.emplace(sweep_.graph, done, targets, how);
  if (const std::optional<TaskId> task = scheduler_->FirstUnsuited())
    return NobodyOffers(sweep_.graph[*task], how.ranks);
  std::map<std::string_view, std::pair<std::size_t, std::size_t>> counts;
  for (TaskId task = 0; task < done.size(); ++task) {
    auto& [todo, reused] = counts[sweep_.graph[task].stage];
    const TaskState state = scheduler_->state(task);
    if (state == TaskState::kDone) ++reused;
    if (state == TaskState::kWaiting || state == TaskState::kReady) ++todo;
  }
  for (const auto& [stage, count] : counts) {
    observer_.Expect(std::string(stage), count.first, count.second);
    outcome_.tasks_reused += count.second;
  }
  return Status::Ok();
}

Result<RunOutcome> Coordinator::Run(const std::vector<TaskId>& targets) {
  BESOM_RETURN_IF_ERROR(Prepare(targets));
  start_ = heard_at_ = clock_.Monotonic();
  while (true) {
    StopIfAsked();
    BESOM_RETURN_IF_ERROR(RecallUnbegun());
    BESOM_RETURN_IF_ERROR(HandOut());
    BESOM_RETURN_IF_ERROR(ReleaseUnused());
    if (scheduler_->finished()) {
      StopIfHeldBack();
      break;
    }
    if (outcome_.interrupted && scheduler_->board().running() == 0) break;
    if (MustAbandon()) {
      outcome_.abandoned = true;
      break;
    }
    ForgiveSilence();
    BESOM_RETURN_IF_ERROR(HandleEvents());
    heard_at_ = clock_.Monotonic();
    BESOM_RETURN_IF_ERROR(HandleExpiry());
    BESOM_RETURN_IF_ERROR(AskForElsewhere());
    BESOM_RETURN_IF_ERROR(recorder_.FlushIfDue());
    observer_.Draw();
  }
  recorder_.NothingRuns();
  BESOM_RETURN_IF_ERROR(recorder_.Flush());
  // A rank that is silent would keep the others from ending.
  if (scheduler_->any_silent_rank()) outcome_.abandoned = true;
  outcome_.trials_done = recorder_.trials_done();
  outcome_.trials_failed = recorder_.failed().size();
  for (const auto& [trial, why] : recorder_.failed())
    outcome_.failures.emplace_back(sweep_.trials[trial].id, why);
  return outcome_;
}

double Coordinator::SecondsToWait() const {
  double seconds = std::min(kLongestWait, recorder_.SecondsToFlush());
  if (!elsewhere_.empty())
    seconds = std::min(seconds, ask_elsewhere_at_ - clock_.Monotonic());
  return std::max(seconds, 0.0);
}

Status Coordinator::HandleEvents() {
  double seconds = SecondsToWait();
  for (std::size_t handled = 0; handled < kMostAtOnce; ++handled) {
    BESOM_ASSIGN_OR_RETURN(const std::optional<ExecutorEvent> event,
                           executor_.Wait(seconds));
    if (!event) break;
    BESOM_RETURN_IF_ERROR(Handle(*event));
    seconds = 0;
  }
  return Status::Ok();
}

Status Coordinator::HandOut() {
  LetGo();
  std::vector<Assignment> given;
  while (given.size() < kMostAtOnce) {
    std::optional<Assignment> next = scheduler_->Next(clock_.Monotonic());
    if (!next) break;
    if (Admit(*next)) given.push_back(*std::move(next));
  }
  if (claims_ && !given.empty()) BESOM_RETURN_IF_ERROR(FilterClaimed(given));
  for (auto first = given.begin(); first != given.end();) {
    const auto end = std::find_if(
        first, given.end(),
        [&](const Assignment& it) { return it.bundle != first->bundle; });
    BESOM_RETURN_IF_ERROR(StartBundle({first, end}));
    first = end;
  }
  while (const std::optional<Assignment> back = scheduler_->NextRecall())
    BESOM_RETURN_IF_ERROR(
        executor_.Recall(back->ranks[0], back->task, back->attempt));
  return Status::Ok();
}

/// Leaves those in `given` that this run is to compute.
Status Coordinator::FilterClaimed(std::vector<Assignment>& given) {
  std::vector<TaskId> tasks;
  for (const Assignment& assignment : given) tasks.push_back(assignment.task);
  BESOM_ASSIGN_OR_RETURN(const std::vector<ClaimOutcome> outcomes,
                         claims_->Claim(tasks));
  std::vector<Assignment> mine;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (outcomes[i].kind == ClaimOutcome::Kind::kMine) {
      claimed_.insert(given[i].task);
      mine.push_back(std::move(given[i]));
      continue;
    }
    claimed_.erase(given[i].task);
    scheduler_->Defer(given[i], TaskState::kElsewhere, clock_.Monotonic());
    // Both kinds are looked at next by AskForElsewhere.
    if (elsewhere_.empty()) ask_elsewhere_at_ = clock_.Monotonic();
    elsewhere_.push_back(given[i].task);
  }
  given = std::move(mine);
  return Status::Ok();
}

/// Takes over what other runs have finished, or have let go of.
Status Coordinator::AskForElsewhere() {
  if (elsewhere_.empty() || clock_.Monotonic() < ask_elsewhere_at_)
    return Status::Ok();
  ask_elsewhere_at_ = clock_.Monotonic() + kElsewhereSeconds;
  // The late answer of one of our own ranks may have come first.
  std::erase_if(elsewhere_, [&](TaskId task) {
    return scheduler_->state(task) != TaskState::kElsewhere;
  });
  BESOM_ASSIGN_OR_RETURN(const std::vector<ClaimOutcome> outcomes,
                         claims_->Claim(elsewhere_));
  std::vector<TaskId> still;
  for (std::size_t i = 0; i < elsewhere_.size(); ++i) {
    const TaskId task = elsewhere_[i];
    if (outcomes[i].kind == ClaimOutcome::Kind::kElsewhere) {
      still.push_back(task);
      continue;
    }
    if (outcomes[i].kind == ClaimOutcome::Kind::kDone) {
      if (recorder_.TaskFound(task, outcomes[i].known).ok()) {
        ++outcome_.tasks_reused;
        scheduler_->DoneElsewhere(task);
        continue;
      }
      BESOM_RETURN_IF_ERROR(claims_->Discard(task));
    }
    claimed_.insert(task);
    GiveUp(scheduler_->Resume(task), InputFailed());
  }
  elsewhere_ = std::move(still);
  return Status::Ok();
}

/// What does not run here once all is handed out may run elsewhere: another run
/// must not wait for what this one gave up, holds back or has no rank for. What
/// is handed out later is claimed anew.
Status Coordinator::ReleaseUnused() {
  for (auto task = claimed_.begin(); task != claimed_.end();) {
    const TaskState state = scheduler_->state(*task);
    if (state == TaskState::kRunning) {
      ++task;
      continue;
    }
    // Of what is done the commit ends the claim.
    if (state != TaskState::kDone)
      BESOM_RETURN_IF_ERROR(claims_->Release(*task));
    task = claimed_.erase(task);
  }
  return Status::Ok();
}

/// Sends tasks that one call computes.
Status Coordinator::StartBundle(std::span<const Assignment> bundle) {
  for (const Assignment& assignment : bundle) {
    const TaskNode& node = sweep_.graph[assignment.task];
    if (node.stage == "fine_tune") recorder_.TrialRunning(assignment.task);
    handed_out_[assignment.task] = ++moment_;
    for (const int rank : assignment.ranks) Watch(rank);
    observer_.Started(assignment.task, node);
  }
  return executor_.Start(
      orders_.Make(bundle, static_cast<std::int64_t>(moment_)));
}

Status Coordinator::Handle(const ExecutorEvent& event) {
  const Status status = HandleWhat(event);
  Watch(event.rank);
  return status;
}

Status Coordinator::HandleWhat(const ExecutorEvent& event) {
  if (const auto* report = std::get_if<TaskReport>(&event.what))
    return HandleReport(event.rank, *report);
  if (const auto* progress = std::get_if<TaskProgress>(&event.what)) {
    scheduler_->Renew(event.rank, progress->task, progress->attempt,
                      clock_.Monotonic());
    ShowProgress(event.rank, *progress);
    return Status::Ok();
  }
  if (const auto* returned = std::get_if<TaskReturned>(&event.what)) {
    const Scheduler::Failure back = scheduler_->Returned(
        event.rank, returned->task, returned->attempt, clock_.Monotonic());
    GiveUp(back.ended, InputFailed());
    return Status::Ok();
  }
  return HandleLostRank(event.rank);
}

/// Shows it for all that is in one call with the task.
void Coordinator::ShowProgress(int rank, const TaskProgress& progress) {
  const RankQueue& queue = scheduler_->queue(rank);
  if (budget_) budget_->Progress(rank, progress.share, clock_.Monotonic());
  const std::size_t running = queue.Running();
  const bool is_now = running > 0 && queue.held[0].task == progress.task;
  for (std::size_t i = 0; i < (is_now ? running : 1); ++i) {
    const TaskId task = is_now ? queue.held[i].task : progress.task;
    observer_.Share(task, sweep_.graph[task], progress.share);
  }
}

Status Coordinator::HandleReport(int rank, const TaskReport& report) {
  observer_.Ended(report, sweep_.graph[report.task], rank);
  return report.status.ok() ? HandleDone(rank, report)
                            : HandleNotDone(rank, report);
}

Status Coordinator::HandleDone(int rank, const TaskReport& report) {
  const TaskId task = report.task;
  if (recorder_.outputs()[task]) {
    // The answer of an attempt that was given up, after another one's.
    if (scheduler_->Done(rank, task, report.attempt, clock_.Monotonic()) ==
            Verdict::kRepeated &&
        *recorder_.outputs()[task] != report.outputs)
      recorder_.Event("different_outputs",
                      {{"task", sweep_.graph[task].key.Hex()},
                       {"label", sweep_.graph[task].label},
                       {"rank", rank}});
    return Status::Ok();
  }
  if (scheduler_->WouldCount(rank, task, report.attempt)) {
    // What was stored may be unreadable already: then the attempt has failed.
    const Status recorded = recorder_.TaskDone(report, rank);
    if (recorded.code() == StatusCode::kInternal) return recorded;
    if (!recorded.ok()) {
      TaskReport failed = report;
      failed.status = recorded;
      return HandleNotDone(rank, failed);
    }
    ++outcome_.tasks_run;
    finished_[task] = ++moment_;
    if (budget_) budget_->Learn(report);
    if (report.device_bytes > 0)
      scheduler_->Measured(task, report.device_peak, report.device_bytes);
  }
  (void)scheduler_->Done(rank, task, report.attempt, clock_.Monotonic());
  return Status::Ok();
}

Status Coordinator::HandleNotDone(int rank, const TaskReport& report) {
  const TaskId task = report.task;
  const double now = clock_.Monotonic();
  const StatusCode code = report.status.code();
  // An earlier attempt tells of what was broken before this one began.
  if (report.broken_input && report.attempt == scheduler_->attempt(task) &&
      scheduler_->WouldCount(rank, task, report.attempt))
    RemakeInput(task, *report.broken_input);
  Scheduler::Failure failure;
  // What is broken is made again, and that is counted.
  if (code == StatusCode::kInterrupted || report.broken_input)
    failure = scheduler_->Returned(rank, task, report.attempt, now);
  else if (code == StatusCode::kOutOfMemory)
    failure = scheduler_->OutOfMemory(rank, task, report.attempt, now);
  else
    failure =
        scheduler_->Failed(rank, task, report.attempt,
                           report.broken_input || MayPass(report.status), now);
  if (failure.verdict != Verdict::kCounts) return Status::Ok();
  const std::string_view how = code == StatusCode::kInterrupted ? "interrupted"
                               : code == StatusCode::kOutOfMemory
                                   ? "out_of_memory"
                                   : "failed";
  BESOM_RETURN_IF_ERROR(recorder_.TaskNotDone(report, rank, how));
  GiveUp(failure.ended, report.status);
  return Status::Ok();
}

/// Has the task that left `broken` behind run again.
void Coordinator::RemakeInput(TaskId reader, const BlobRef& broken) {
  recorder_.Event("blob_broken", {{"blob", broken.digest.Hex()},
                                  {"reader", sweep_.graph[reader].label}});
  orders_.Forget(broken);
  for (const TaskInput& input : sweep_.graph[reader].inputs) {
    const auto& outputs = recorder_.outputs()[input.task];
    if (!outputs || scheduler_->state(input.task) != TaskState::kDone ||
        std::ranges::find(*outputs, broken, &PortBlob::blob) == outputs->end())
      continue;
    // Another reader has told of it, and it was made again meanwhile.
    if (finished_[input.task] > handed_out_[reader]) return;
    if (++remade_[input.task] > options_.max_retries + 1 ||
        !scheduler_->Reopen(input.task)) {
      Stop(fmt::format("the output of '{}' cannot be kept",
                       sweep_.graph[input.task].label));
      return;
    }
    observer_.Say(fmt::format("a stored file is damaged: '{}' runs again",
                              sweep_.graph[input.task].label));
    recorder_.Forget(input.task);
    return;
  }
}

/// The tasks in `ended` will not run: their trials fail.
void Coordinator::GiveUp(const std::vector<TaskId>& ended,
                         const Status& cause) {
  if (ended.empty()) return;
  observer_.Say(fmt::format("failed: {}: {}", sweep_.graph[ended[0]].label,
                            cause.ToString()));
  recorder_.TrialsFailed(ended, cause);
  const std::size_t failed = recorder_.failed().size();
  if (options_.fail_fast && failed > 0)
    Stop("a trial failed (--fail-fast)", Stopping::kForGood);
  else if (failed > options_.max_failed_trials)
    Stop("more trials failed than limits.failures allows", Stopping::kForGood);
}

Status Coordinator::HandleLostRank(int rank) {
  const RankLoss loss = scheduler_->RankLost(rank);
  recorder_.Event("rank_lost", {{"rank", rank}});
  observer_.Say(fmt::format("rank {} is lost; its task runs elsewhere", rank));
  const Status cause = IoError(fmt::format("rank {}", rank), "was lost");
  for (const TaskId task : loss.running) {
    TaskReport report;
    report.task = task;
    report.status = cause;
    BESOM_RETURN_IF_ERROR(recorder_.TaskNotDone(report, rank, "lost"));
  }
  GiveUp(loss.ended, cause);
  return Status::Ok();
}

/// While this rank waited for the database or a disk, it heard nobody.
void Coordinator::ForgiveSilence() {
  const double deaf = clock_.Monotonic() - heard_at_;
  if (deaf > kLongestDeafness) scheduler_->Extend(deaf);
}

Status Coordinator::HandleExpiry() {
  const double now = clock_.Monotonic();
  if (now >= scheduler_->next_deadline()) {
    const LeaseExpiry expiry = scheduler_->Expire(now);
    for (const int rank : expiry.ranks) {
      recorder_.Event("rank_silent", {{"rank", rank}});
      observer_.Say(fmt::format(
          "rank {} has completed nothing within its lease; its task runs "
          "elsewhere",
          rank));
    }
    for (const Assignment& held : expiry.held)
      BESOM_RETURN_IF_ERROR(
          executor_.Recall(held.ranks[0], held.task, held.attempt));
    GiveUp(expiry.ended, InputFailed());
  }
  if (!scheduler_->helpless()) {
    helpless_.reset();
  } else if (!helpless_) {
    helpless_ = now;
  } else if (now - *helpless_ > options_.lease_seconds) {
    Stop("no rank is left that completes any work which is to be done");
  }
  return Status::Ok();
}

}  // namespace besom::run
