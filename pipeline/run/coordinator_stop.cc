// How a run of the coordinator ends before all is done.
#include <fmt/format.h>

#include <utility>

#include "pipeline/run/coordinator.h"

namespace besom::run {
namespace {

/// How long running tasks may take to end when they are interrupted. Part of
/// TimeBudget::kMargin.
constexpr double kStopSeconds = 5;

/// Who asks to stop earlier than so many seconds before the job's end does not
/// mean that end, and does not want to wait for it.
constexpr double kLongestWarning = 600;

}  // namespace

void Coordinator::StopIfAsked() {
  const double now = clock_.Monotonic();
  if (outcome_.interrupted) {
    InterruptRanks();
  } else if (stop_requests_() > 0) {
    const bool warned = budget_ && budget_->SecondsToEnd(now) < kLongestWarning;
    Stop("asked to stop", warned ? Stopping::kPatient : Stopping::kNow);
  } else if (options_.time_limit > 0 && now - start_ > options_.time_limit) {
    Stop("limits.time is over", Stopping::kForGood);
  } else if (budget_ && budget_->Left(now) <= 0) {
    Stop("the job's time is over");
  }
}

void Coordinator::Stop(std::string why, Stopping how) {
  if (outcome_.interrupted) return;
  outcome_.interrupted = true;
  outcome_.why = std::move(why);
  patient_ = recall_unbegun_ = how == Stopping::kPatient;
  scheduler_->Stop();
  interrupted_.assign(static_cast<std::size_t>(executor_.ranks()), false);
  recorder_.Event("stopping", {{"why", outcome_.why},
                               {"for_good", how == Stopping::kForGood}});
  InterruptRanks();
}

/// Interrupts the ranks that are not to go on.
void Coordinator::InterruptRanks() {
  const double now = clock_.Monotonic();
  for (int rank = 0; rank < static_cast<int>(interrupted_.size()); ++rank) {
    if (interrupted_[rank]) continue;
    const RankQueue& queue = scheduler_->queue(rank);
    if (patient_ && budget_->WillEnd(rank, queue, now)) continue;
    executor_.Interrupt(rank);
    interrupted_[rank] = true;
    stop_by_ = now + kStopSeconds;
  }
}

/// Those that go on after a request to stop begin nothing more.
Status Coordinator::RecallUnbegun() {
  if (!std::exchange(recall_unbegun_, false)) return Status::Ok();
  for (int rank = 0; rank < executor_.ranks(); ++rank) {
    const RankQueue& queue = scheduler_->queue(rank);
    for (std::size_t i = queue.Running(); i < queue.held.size(); ++i)
      BESOM_RETURN_IF_ERROR(
          executor_.Recall(rank, queue.held[i].task, queue.held[i].attempt));
  }
  return Status::Ok();
}

bool Coordinator::MustAbandon() const {
  if (!outcome_.interrupted) return false;
  if (stop_requests_() > 1) return true;
  for (int rank = 0; rank < static_cast<int>(interrupted_.size()); ++rank)
    if (!interrupted_[rank] && !scheduler_->queue(rank).held.empty())
      return false;  // It was let go on.
  return clock_.Monotonic() > stop_by_;
}

/// Whether what was just handed out is started, by the time that the job has.
bool Coordinator::Admit(const Assignment& given) {
  if (!budget_) return true;
  using Fit = TimeBudget::Fit;
  const double now = clock_.Monotonic();
  Watch(given.ranks[0]);
  const Fit fit = budget_->Judge(given, scheduler_->queue(given.ranks[0]), now);
  if (fit == Fit::kFits) return true;
  if (fit == Fit::kTooLong) {
    HoldBack(given, now);
    return false;
  }
  scheduler_->TakeBack(given, now);
  if (fit == Fit::kNotQueued) scheduler_->StopQueueing();
  return false;
}

void Coordinator::HoldBack(const Assignment& given, double now) {
  scheduler_->Defer(given, TaskState::kHeldBack, now);
  budget_->HoldBack(given.task);
  if (told_held_back_) return;
  told_held_back_ = true;
  const std::string& label = sweep_.graph[given.task].label;
  const double needs = budget_->Seconds(given.task).value_or(0);
  const double left = budget_->Left(now);
  recorder_.Event("held_back", {{"task", sweep_.graph[given.task].key.Hex()},
                                {"label", label},
                                {"needs_seconds", needs},
                                {"left_seconds", left}});
  observer_.Say(fmt::format(
      "'{}' is not started: it takes about {:.1f} s, and work stops in {:.1f} "
      "s, before the job ends",
      label, needs, left));
}

/// Tasks that were predicted to take longer than they will.
void Coordinator::LetGo() {
  if (!budget_) return;
  for (const TaskId task : budget_->LetGo(clock_.Monotonic()))
    if (scheduler_->state(task) == TaskState::kHeldBack)
      (void)scheduler_->Resume(task);
}

/// Nothing is left to do but what does not fit into the job's time.
void Coordinator::StopIfHeldBack() {
  if (outcome_.interrupted || scheduler_->board().held_back() == 0) return;
  std::size_t left = 0;
  for (TaskId task = 0; task < sweep_.graph.size(); ++task) {
    const TaskState state = scheduler_->state(task);
    if (state == TaskState::kHeldBack || state == TaskState::kWaiting) ++left;
  }
  Stop(fmt::format("{} cannot finish before the job ends in {:.0f} s",
                   left == 1 ? "1 task" : fmt::format("{} tasks", left),
                   budget_->SecondsToEnd(clock_.Monotonic())));
}

void Coordinator::Watch(int rank) {
  if (budget_)
    budget_->Watch(rank, scheduler_->queue(rank), clock_.Monotonic());
}

}  // namespace besom::run
