#include "pipeline/run/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "pipeline/run/quiet_host.h"

namespace besom::run {
namespace {

constexpr int kNobody = -1, kUnknown = -2;

/// Tasks about as urgent as the first are looked at for one whose inputs the
/// rank has: this many, and within this share of the longest path.
constexpr int kWindow = 8;
constexpr double kAboutAsUrgent = 0.9;

/// A unit of work may take this many times its predicted time.
constexpr double kLeaseUnits = 10;

}  // namespace

Scheduler::Scheduler(const TaskGraph& graph, const std::vector<bool>& done,
                     const std::vector<TaskId>& targets,
                     SchedulerOptions options)
    : graph_(graph),
      options_(std::move(options)),
      memory_(graph, options_.ranks, options_.bytes_per_rank),
      suits_(graph, options_.ranks, memory_.space_of()),
      open_(suits_, memory_),
      board_(graph, done, targets, suits_.class_of()),
      attempts_(graph.size()),
      failures_(graph.size()),
      expiries_(graph.size()),
      home_(graph.size(), kNobody),
      preferred_(graph.size(), kUnknown),
      leader_(graph.size(), kNobody),
      ranks_(options_.ranks.size()),
      usable_(suits_.kinds()),
      counts_(ranks_.size()) {
  BESOM_CHECK(!ranks_.empty(), "a scheduler without ranks");
  for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank) {
    ++usable_[suits_.kind_of(rank)];
    Relist(rank);
  }
}

/// Puts a rank where it belongs in open_ and loaded_ after a change.
void Scheduler::Relist(int number) {
  Rank& rank = ranks_[number];
  const bool room = rank.HasRoom(options_);
  if (rank.listed && (!room || *rank.listed != rank.held.size())) {
    open_.Remove(number, *rank.listed);
    rank.listed.reset();
  }
  if (room && !rank.listed) {
    rank.listed = rank.held.size();
    open_.Add(number, *rank.listed);
  }
  if (rank.MayGiveBack())
    loaded_.insert(number);
  else
    loaded_.erase(number);
}

void Scheduler::SetDeadline(int number, double now) {
  Rank& rank = ranks_[number];
  rank.deadline = std::numeric_limits<double>::infinity();
  if (rank.held.empty() || rank.held.front().closed) return;
  const TaskId task = rank.held.front().task;
  // A call passes a unit of each of its tasks between two signs of life.
  const double unit = graph_[task].cost / std::max(graph_[task].units, 1.0) *
                      static_cast<double>(rank.Running());
  rank.deadline =
      now + std::ldexp(std::max(options_.lease_seconds, kLeaseUnits * unit),
                       expiries_[task]);
  next_deadline_ = std::min(next_deadline_, rank.deadline);
}

/// The rank lives.
void Scheduler::Hear(int number) {
  Rank& rank = ranks_[number];
  if (!rank.silent || rank.lost) return;
  rank.silent = false;
  ++usable_[suits_.kind_of(number)];
}

const Scheduler::Held* Scheduler::Find(int rank, TaskId task,
                                       int attempt) const {
  for (const Held& held : ranks_[rank].held)
    if (held.task == task && held.attempt == attempt) return &held;
  return nullptr;
}

Scheduler::Held* Scheduler::Find(int rank, TaskId task, int attempt) {
  return const_cast<Held*>(std::as_const(*this).Find(rank, task, attempt));
}

void Scheduler::Hold(int number, Held held, double now) {
  Rank& rank = ranks_[number];
  rank.held.push_back(held);
  rank.seconds += graph_[held.task].cost;
  if (!held.closed) memory_.Hold(number, held.task);
  if (rank.held.size() == rank.Running()) SetDeadline(number, now);
  Relist(number);
}

std::optional<Scheduler::Held> Scheduler::Drop(int number, TaskId task,
                                               int attempt, double now) {
  const Held* found = Find(number, task, attempt);
  if (!found) return std::nullopt;
  Rank& rank = ranks_[number];
  const Held held = *found;
  const auto place = std::find_if(
      rank.held.begin(), rank.held.end(),
      [&](const Held& it) { return it.task == task && it.attempt == attempt; });
  const bool was_first = place == rank.held.begin();
  rank.held.erase(place);
  if (!held.closed) memory_.Drop(number, task);
  rank.seconds = rank.held.empty() ? 0 : rank.seconds - graph_[task].cost;
  if (held.recalled) --recalls_;
  if (was_first) SetDeadline(number, now);
  Relist(number);
  return held;
}

/// The present attempt no longer decides the task.
void Scheduler::GiveUp(TaskId task) {
  const auto forget = [&](int rank) {
    Held* held = Find(rank, task, attempts_[task]);
    if (!held) return;
    held->given_up = true;
    if (held->closed)
      Drop(rank, task, attempts_[task], 0);
    else
      Relist(rank);
  };
  if (leader_[task] == kNobody) return;
  forget(leader_[task]);
  leader_[task] = kNobody;
  const auto others = others_.extract(task);
  if (others.empty()) return;
  for (const int rank : others.mapped()) forget(rank);
}

std::vector<TaskId> Scheduler::Retry(TaskId task) {
  if (failures_[task] >= options_.max_retries) return board_.Fail(task);
  ++failures_[task];
  return board_.PutBack(task);
}

bool Scheduler::NeedsSeveral(TaskId task) const {
  return graph_[task].ranks > 1 || (!alone_.empty() && alone_.contains(task));
}

/// How many usable ranks can compute a task.
std::size_t Scheduler::UsableFor(TaskId task) const {
  std::size_t usable = 0;
  for (const int kind : suits_.kinds_of(suits_.class_of()[task]))
    usable += usable_[kind];
  return usable;
}

std::optional<Assignment> Scheduler::GiveToSeveral(TaskId task, double now) {
  const bool alone = alone_.contains(task);
  const auto together =
      std::min<std::size_t>(graph_[task].ranks, UsableFor(task));
  std::vector<int> ranks =
      alone ? QuietHost(ranks_, options_.ranks,
                        [&](int rank) { return suits_.Suits(task, rank); })
            : open_.Idle(task, std::max<std::size_t>(together, 1));
  if (ranks.empty()) return std::nullopt;
  Assignment given = Give(task, ranks[0], now);
  for (std::size_t i = 1; i < ranks.size(); ++i) {
    Hold(ranks[i],
         {task, given.attempt, given.bundle, /*leads=*/false, /*closed=*/alone},
         now);
    others_[task].push_back(ranks[i]);
    if (!alone) given.ranks.push_back(ranks[i]);
  }
  return given;
}

Assignment Scheduler::Give(TaskId task, int rank, double now) {
  board_.Start(task);
  leader_[task] = rank;
  if (bundle_left_ == 0) ++bundle_;
  Hold(rank, {task, ++attempts_[task], bundle_}, now);
  return {task, attempts_[task], {rank}, bundle_};
}

/// Whether a task may be computed in one call with others.
bool Scheduler::IsFused(TaskId task) const {
  return graph_[task].fusion >= 0 && !NeedsSeveral(task) &&
         !apart_.contains(task);
}

/// Gives `first`, and has the next calls of Next bring what goes with it: the
/// rank's part of all that is ready.
Assignment Scheduler::GiveFirst(TaskId first, int rank, double now) {
  Assignment given = Give(first, rank, now);
  if (!IsFused(first)) return given;
  const std::size_t ready =
      1 + board_.ready_of_fusion(graph_[first].fusion).size();
  const std::size_t ranks =
      graph_[first].one_pass ? 1 : std::max<std::size_t>(UsableFor(first), 1);
  bundle_left_ = std::min((ready + ranks - 1) / ranks, options_.most_fused) - 1;
  bundle_rank_ = rank;
  bundle_fusion_ = graph_[first].fusion;
  return given;
}

std::optional<Assignment> Scheduler::NextCompanion(double now) {
  if (!board_.any_ready()) bundle_left_ = 0;
  if (bundle_left_ == 0) return std::nullopt;
  const Rank& rank = ranks_[bundle_rank_];
  SortClasses();
  const TaskId urgent = board_.ready()[urgent_.front()].begin()->second;
  for (const auto& [path, task] : board_.ready_of_fusion(bundle_fusion_)) {
    if (rank.lost || rank.silent || NeedsSeveral(urgent)) break;
    if (!IsFused(task) || !suits_.Suits(task, bundle_rank_)) continue;
    Assignment given = Give(task, bundle_rank_, now);
    --bundle_left_;
    return given;
  }
  bundle_left_ = 0;
  return std::nullopt;
}

/// A rank was lost or fell silent with the first `running` tasks of `held`.
void Scheduler::Suspect(const std::vector<Held>& held, std::size_t running) {
  for (std::size_t i = 0; i < running; ++i)
    if (graph_[held[i].task].fusion >= 0) apart_.insert(held[i].task);
}

/// The rank that made most of a ready task's inputs.
int Scheduler::PreferredRank(TaskId task) {
  if (preferred_[task] != kUnknown) return preferred_[task];
  int best = kNobody;
  for (const TaskId producer : graph_.producers(task)) {
    const int rank = home_[producer];
    if (rank == kNobody) continue;
    const int count = ++counts_[rank];
    if (best == kNobody || count > counts_[best] ||
        (count == counts_[best] && rank < best))
      best = rank;
  }
  for (const TaskId producer : graph_.producers(task))
    if (home_[producer] != kNobody) counts_[home_[producer]] = 0;
  return preferred_[task] = best;
}

void Scheduler::SortClasses() {
  const std::vector<TaskBoard::ReadySet>& ready = board_.ready();
  urgent_.clear();
  for (int i = 0; i < static_cast<int>(ready.size()); ++i)
    if (!ready[i].empty()) urgent_.push_back(i);
  std::ranges::sort(urgent_, {}, [&](int i) { return *ready[i].begin(); });
}

/// Gives `first`, or one about as urgent that needs the same of a rank.
std::optional<Assignment> Scheduler::GiveToOne(TaskId first, double now) {
  const auto best = open_.Best(first);
  if (!best) return std::nullopt;
  const TaskBoard::ReadySet& ready = board_.ready()[suits_.class_of()[first]];
  const double first_path = ready.begin()->first;
  int looked_at = 0;
  for (const auto& [path, task] : ready) {
    if (++looked_at > kWindow || path > kAboutAsUrgent * first_path) break;
    if (NeedsSeveral(task)) continue;
    const int preferred = PreferredRank(task);
    if (preferred != kNobody && ranks_[preferred].listed == best->first &&
        suits_.Suits(task, preferred) && memory_.Fits(task, preferred))
      return GiveFirst(task, preferred, now);
  }
  return GiveFirst(first, best->second, now);
}

std::optional<Assignment> Scheduler::Next(double now) {
  stuck_ = false;
  if (auto companion = NextCompanion(now)) return companion;
  if (!board_.any_ready() || !open_.any()) return std::nullopt;
  SortClasses();
  bool memory_waits = false;
  for (const int task_class : urgent_) {
    const TaskId first = board_.ready()[task_class].begin()->second;
    if (UsableFor(first) == 0) continue;
    if (NeedsSeveral(first)) return GiveToSeveral(first, now);
    const bool takes_memory = memory_.space_of()[first] >= 0;
    if (takes_memory && memory_waits) continue;
    if (auto given = GiveToOne(first, now)) return given;
    if (takes_memory && open_.HasFor(first) && !memory_.IsHeld(first))
      memory_waits = true;
  }
  stuck_ = true;
  return std::nullopt;
}

std::optional<Assignment> Scheduler::NextRecall() {
  if ((board_.any_ready() && !stuck_) || loaded_.empty()) return std::nullopt;
  if (open_.CountIdle(recalls_ + 1) <= recalls_) return std::nullopt;
  int busiest = kNobody;
  for (const int rank : loaded_)
    if ((busiest == kNobody ||
         ranks_[rank].seconds > ranks_[busiest].seconds) &&
        open_.HasIdle(ranks_[rank].held.back().task))
      busiest = rank;
  if (busiest == kNobody) return std::nullopt;
  Held& last = ranks_[busiest].held.back();
  last.recalled = true;
  ++recalls_;
  Relist(busiest);
  return Assignment{last.task, last.attempt, {busiest}, last.bundle};
}

std::optional<TaskId> Scheduler::FirstUnsuited() const {
  for (TaskId task = 0; task < graph_.size(); ++task) {
    const TaskState state = board_.state(task);
    if ((state == TaskState::kWaiting || state == TaskState::kReady) &&
        suits_.kinds_of(suits_.class_of()[task]).empty())
      return task;
  }
  return std::nullopt;
}

bool Scheduler::helpless() const {
  if (std::ranges::all_of(usable_, [](std::size_t n) { return n == 0; }))
    return true;
  if (board_.running() + board_.elsewhere() > 0 || !board_.any_ready())
    return false;
  return std::ranges::all_of(board_.ready(), [&](const auto& ready) {
    return ready.empty() || UsableFor(ready.begin()->second) == 0;
  });
}

bool Scheduler::WouldCount(int rank, TaskId task, int attempt) const {
  const Held* held = Find(rank, task, attempt);
  const TaskState state = board_.state(task);
  return held && held->leads &&
         (state == TaskState::kReady || state == TaskState::kRunning ||
          state == TaskState::kElsewhere || state == TaskState::kHeldBack);
}

Verdict Scheduler::Done(int rank, TaskId task, int attempt, double now) {
  Hear(rank);
  const bool counts = WouldCount(rank, task, attempt);
  const std::optional<Held> held = Drop(rank, task, attempt, now);
  Relist(rank);
  if (held && held->leads && board_.state(task) == TaskState::kDone)
    return Verdict::kRepeated;
  if (!counts) return Verdict::kOutOfDate;
  GiveUp(task);
  home_[task] = rank;
  board_.Finish(task);
  return Verdict::kCounts;
}

Scheduler::Failure Scheduler::Failed(int rank, TaskId task, int attempt,
                                     bool may_pass, double now) {
  Hear(rank);
  const std::optional<Held> held = Drop(rank, task, attempt, now);
  if (!held || held->given_up || board_.state(task) != TaskState::kRunning)
    return {};
  GiveUp(task);
  return {Verdict::kCounts, may_pass ? Retry(task) : board_.Fail(task)};
}

Scheduler::Failure Scheduler::OutOfMemory(int rank, TaskId task, int attempt,
                                          double now) {
  // Of several ranks another one may have told of the failure before.
  if (Find(rank, task, attempt)) alone_.insert(task);
  return Failed(rank, task, attempt, /*may_pass=*/true, now);
}

Scheduler::Failure Scheduler::Returned(int rank, TaskId task, int attempt,
                                       double now) {
  Hear(rank);
  const std::optional<Held> held = Drop(rank, task, attempt, now);
  if (!held || held->given_up || board_.state(task) != TaskState::kRunning)
    return {};
  GiveUp(task);
  return {Verdict::kCounts, board_.PutBack(task)};
}

void Scheduler::Renew(int rank, TaskId task, int attempt, double now) {
  if (ranks_[rank].lost) return;
  Hear(rank);
  if (Find(rank, task, attempt)) SetDeadline(rank, now);
  Relist(rank);
}

void Scheduler::Extend(double seconds) {
  for (Rank& rank : ranks_) rank.deadline += seconds;
  next_deadline_ += seconds;
}

RankLoss Scheduler::RankLost(int number) {
  Rank& rank = ranks_[number];
  RankLoss loss;
  if (rank.lost) return loss;
  if (!rank.silent) --usable_[suits_.kind_of(number)];
  rank.lost = true;
  const std::size_t running = rank.Running();
  const std::vector<Held> held = std::exchange(rank.held, {});
  Suspect(held, running);
  rank.seconds = 0;
  rank.deadline = std::numeric_limits<double>::infinity();
  Relist(number);
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (held[i].recalled) --recalls_;
    if (!held[i].closed) memory_.Drop(number, held[i].task);
    if (held[i].given_up || held[i].closed) continue;
    GiveUp(held[i].task);
    if (i < running) loss.running.push_back(held[i].task);
    const std::vector<TaskId> ended =
        i < running ? Retry(held[i].task) : board_.PutBack(held[i].task);
    loss.ended.insert(loss.ended.end(), ended.begin(), ended.end());
  }
  return loss;
}

LeaseExpiry Scheduler::Expire(double now) {
  LeaseExpiry expiry;
  if (now < next_deadline_) return expiry;
  next_deadline_ = std::numeric_limits<double>::infinity();
  for (int number = 0; number < static_cast<int>(ranks_.size()); ++number) {
    Rank& rank = ranks_[number];
    if (rank.deadline > now) {
      next_deadline_ = std::min(next_deadline_, rank.deadline);
      continue;
    }
    expiry.ranks.push_back(number);
    rank.silent = true;
    --usable_[suits_.kind_of(number)];
    rank.deadline = std::numeric_limits<double>::infinity();
    const std::size_t running = rank.Running();
    Suspect(rank.held, running);
    for (std::size_t i = 0; i < rank.held.size(); ++i) {
      const Held held = rank.held[i];
      if (i >= running)
        expiry.held.push_back({held.task, held.attempt, {number}, held.bundle});
      if (held.given_up) continue;
      GiveUp(held.task);
      if (i < running) {
        ++expiries_[held.task];
        expiry.running.push_back(held.task);
      }
      const std::vector<TaskId> ended = board_.PutBack(held.task);
      expiry.ended.insert(expiry.ended.end(), ended.begin(), ended.end());
    }
    Relist(number);
  }
  return expiry;
}

bool Scheduler::any_silent_rank() const {
  return std::ranges::any_of(
      ranks_, [](const Rank& rank) { return rank.silent && !rank.lost; });
}

void Scheduler::Defer(const Assignment& assignment, TaskState why, double now) {
  const TaskId task = assignment.task;
  std::vector<int> ranks = {leader_[task]};
  if (const auto others = others_.find(task); others != others_.end())
    ranks.insert(ranks.end(), others->second.begin(), others->second.end());
  for (const int rank : ranks) Drop(rank, task, assignment.attempt, now);
  leader_[task] = kNobody;
  others_.erase(task);
  --attempts_[task];
  board_.Defer(task, why);
}

void Scheduler::TakeBack(const Assignment& assignment, double now) {
  Defer(assignment, TaskState::kHeldBack, now);
  bundle_left_ = 0;
  // What was ready a moment ago has all its inputs.
  (void)board_.PutBack(assignment.task);
}

void Scheduler::StopQueueing() {
  if (!std::exchange(options_.queues, false)) return;
  for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank)
    Relist(rank);
}

}  // namespace besom::run
