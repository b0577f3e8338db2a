#include "pipeline/run/time_budget.h"

#include <algorithm>
#include <utility>

namespace besom::run {
namespace {

/// A call that takes longer than predicted is thought to need this share of it
/// yet.
constexpr double kOverdueShare = 0.1;

/// Less progress than this says nothing of the pace.
constexpr double kTellingShare = 0.01;

}  // namespace

TimeBudget::TimeBudget(const TaskGraph& graph, TaskForecast& forecast,
                       TimeBudgetOptions options)
    : graph_(graph),
      forecast_(forecast),
      options_(options),
      calls_(static_cast<std::size_t>(options.ranks)) {}

std::optional<double> TimeBudget::CallSeconds(const RankQueue& queue,
                                              std::size_t begin,
                                              std::size_t end, double ranks,
                                              bool of_a_unit) const {
  double seconds = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const TaskId task = queue.held[i].task;
    const std::optional<double> one = forecast_.CoreSeconds(task);
    if (!one) return std::nullopt;
    seconds += of_a_unit ? *one / std::max(graph_[task].units, 1.0) : *one;
  }
  const TaskNode& node = graph_[queue.held[begin].task];
  if (!UsesAllThreads(node.stage)) return seconds;
  double threads = options_.threads;
  // Of fits in one call each has a thread.
  if (node.stage == "fine_tune" && node.fusion >= 0)
    threads = std::min(threads, static_cast<double>(end - begin));
  return seconds / (threads * ranks);
}

std::optional<double> TimeBudget::Seconds(TaskId task) const {
  RankQueue alone;
  alone.held = {{task, 0}};
  return CallSeconds(alone, 0, 1, 1, /*of_a_unit=*/false);
}

/// Whether a task that will not end comes so far that it is not for nothing.
bool TimeBudget::StartsInTime(TaskId task, double unit, double left) const {
  if (graph_[task].stage != "fine_tune") return false;
  double needed = kCaution * unit;
  if (options_.checkpoint_seconds > 0)
    needed = std::min(needed, options_.checkpoint_seconds);
  return needed <= left;
}

TimeBudget::Fit TimeBudget::Judge(const Assignment& given,
                                  const RankQueue& queue, double now) const {
  const double left = Left(now);
  if (left <= 0) return Fit::kTooLong;
  const std::size_t end = queue.held.size();
  std::size_t begin = end - 1;
  while (begin > 0 && queue.held[begin - 1].bundle == given.bundle) --begin;
  const auto ranks = static_cast<double>(given.ranks.size());
  const auto seconds = [&](std::size_t last, bool of_a_unit) {
    return CallSeconds(queue, begin, last, ranks, of_a_unit);
  };
  const std::optional<double> whole = seconds(end, false);
  if (!whole) return Fit::kFits;
  const double wait =
      begin == 0 ? 0 : SecondsBefore(begin, given.ranks[0], queue, now);
  if (wait + kCaution * *whole <= left) return Fit::kFits;
  // Among others it must not keep them from ending that would have.
  const bool joins = end - begin > 1;
  if (joins && wait + kCaution * *seconds(end - 1, false) <= left)
    return Fit::kNotInThisCall;
  if (begin > 0) return Fit::kNotQueued;
  if (StartsInTime(given.task, *seconds(end, true), left)) return Fit::kFits;
  return joins ? Fit::kNotInThisCall : Fit::kTooLong;
}

std::vector<TaskId> TimeBudget::LetGo(double now) {
  std::vector<TaskId> fitting;
  if (!std::exchange(look_again_, false)) return fitting;
  const double left = Left(now);
  std::erase_if(held_back_, [&](TaskId task) {
    const std::optional<double> whole = Seconds(task);
    const bool fits =
        left > 0 &&
        (!whole || kCaution * *whole <= left ||
         StartsInTime(task, *whole / std::max(graph_[task].units, 1.0), left));
    if (fits) fitting.push_back(task);
    return fits;
  });
  return fitting;
}

void TimeBudget::Watch(int rank, const RankQueue& queue, double now) {
  Call& call = calls_[static_cast<std::size_t>(rank)];
  if (queue.held.empty())
    call = Call();
  else if (queue.held.front().bundle != call.bundle)
    call = {queue.held.front().bundle, now, {}, {}};
}

void TimeBudget::Progress(int rank, double share, double now) {
  Call& call = calls_[static_cast<std::size_t>(rank)];
  if (!call.first_at) {
    call.first_at = now;
    call.first_share = share;
  }
  call.last_at = now;
  call.last_share = share;
}

void TimeBudget::Learn(const TaskReport& report) {
  if (forecast_.Learn(report) && !held_back_.empty()) look_again_ = true;
}

/// Until the call that `rank` computes ends.
std::optional<double> TimeBudget::RestSeconds(int rank, const RankQueue& queue,
                                              double now) const {
  if (queue.held.empty()) return 0;
  const Call& call = calls_[static_cast<std::size_t>(rank)];
  // A fit that went on from a checkpoint begins with a share that it did not
  // take any time for: the pace is that since then.
  const double gained = call.last_share - call.first_share;
  if (call.last_at && gained > kTellingShare) {
    const double pace = gained / (*call.last_at - *call.first_at);
    return std::max((1 - call.last_share) / pace - (now - *call.last_at), 0.0);
  }
  const std::optional<double> whole =
      CallSeconds(queue, 0, queue.Running(), 1, /*of_a_unit=*/false);
  if (!whole) return std::nullopt;
  return std::max(*whole - (now - call.since), kOverdueShare * *whole);
}

/// Until a rank comes to place `begin` of its queue, as far as that is known.
double TimeBudget::SecondsBefore(std::size_t begin, int rank,
                                 const RankQueue& queue, double now) const {
  double seconds = RestSeconds(rank, queue, now).value_or(0);
  for (std::size_t i = queue.Running(); i < begin; ++i)
    seconds += Seconds(queue.held[i].task).value_or(0);
  return seconds;
}

bool TimeBudget::WillEnd(int rank, const RankQueue& queue, double now) const {
  if (queue.held.empty()) return true;
  const std::optional<double> rest = RestSeconds(rank, queue, now);
  return rest && kCaution * *rest <= Left(now);
}

}  // namespace besom::run
