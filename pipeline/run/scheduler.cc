#include "pipeline/run/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

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
      board_(graph, done, targets),
      attempts_(graph.size()),
      failures_(graph.size()),
      expiries_(graph.size()),
      home_(graph.size(), kNobody),
      preferred_(graph.size(), kUnknown),
      leader_(graph.size(), kNobody),
      ranks_(options_.hosts.size()),
      usable_(ranks_.size()),
      counts_(ranks_.size()) {
  BESOM_CHECK(!ranks_.empty(), "a scheduler without ranks");
  for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank)
    Relist(rank);
}

bool Scheduler::HasRoom(const Rank& rank) const {
  if (rank.lost || rank.silent) return false;
  if (rank.held.size() < 2) return rank.held.empty() || !rank.held[0].closed;
  return rank.held.size() < options_.most_held &&
         rank.seconds < options_.prefetch_seconds;
}

/// Puts a rank where it belongs in open_ and loaded_ after a change.
void Scheduler::Relist(int number) {
  Rank& rank = ranks_[number];
  const bool room = HasRoom(rank);
  if (rank.listed && (!room || *rank.listed != rank.held.size())) {
    open_.erase({*rank.listed, number});
    rank.listed.reset();
  }
  if (room && !rank.listed) {
    rank.listed = rank.held.size();
    open_.emplace(*rank.listed, number);
  }
  const bool loaded = !rank.lost && !rank.silent && rank.held.size() > 1 &&
                      !rank.held.back().recalled &&
                      !rank.held.back().given_up && !rank.held.back().closed;
  if (loaded)
    loaded_.insert(number);
  else
    loaded_.erase(number);
}

void Scheduler::SetDeadline(int number, double now) {
  Rank& rank = ranks_[number];
  rank.deadline = std::numeric_limits<double>::infinity();
  if (rank.held.empty() || rank.held.front().closed) return;
  const TaskId task = rank.held.front().task;
  const double unit = graph_[task].cost / std::max(graph_[task].units, 1.0);
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
  ++usable_;
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
  if (rank.held.size() == 1) SetDeadline(number, now);
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

/// `count` usable ranks that hold nothing; empty when there are fewer.
std::vector<int> Scheduler::IdleRanks(std::size_t count) const {
  std::vector<int> idle;
  for (const auto& [held, rank] : open_) {
    if (held > 0 || idle.size() == count) break;
    idle.push_back(rank);
  }
  if (idle.size() < count) idle.clear();
  return idle;
}

/// The usable ranks of a host where none holds anything; empty: there is none.
std::vector<int> Scheduler::QuietHost() const {
  std::map<int, std::pair<std::vector<int>, bool>> hosts;
  for (int number = 0; number < static_cast<int>(ranks_.size()); ++number) {
    const Rank& rank = ranks_[number];
    if (rank.lost || rank.silent) continue;
    auto& [ranks, busy] = hosts[options_.hosts[number]];
    ranks.push_back(number);
    busy = busy || !rank.held.empty();
  }
  for (const auto& [host, state] : hosts)
    if (!state.second) return state.first;
  return {};
}

std::optional<Assignment> Scheduler::GiveToSeveral(TaskId task, double now) {
  const bool alone = alone_.contains(task);
  const auto together = std::min<std::size_t>(graph_[task].ranks, usable_);
  std::vector<int> ranks =
      alone ? QuietHost() : IdleRanks(std::max<std::size_t>(together, 1));
  if (ranks.empty()) return std::nullopt;
  Assignment given = Give(task, ranks[0], now);
  for (std::size_t i = 1; i < ranks.size(); ++i) {
    Hold(ranks[i], {task, given.attempt, /*leads=*/false, /*closed=*/alone},
         now);
    others_[task].push_back(ranks[i]);
    if (!alone) given.ranks.push_back(ranks[i]);
  }
  return given;
}

Assignment Scheduler::Give(TaskId task, int rank, double now) {
  board_.Start(task);
  leader_[task] = rank;
  Hold(rank, {task, ++attempts_[task]}, now);
  return {task, attempts_[task], {rank}};
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

std::optional<Assignment> Scheduler::Next(double now) {
  if (board_.ready().empty() || open_.empty()) return std::nullopt;
  const auto [first_path, first] = *board_.ready().begin();
  if (NeedsSeveral(first)) return GiveToSeveral(first, now);
  const auto [least, rank] = *open_.begin();
  int looked_at = 0;
  for (const auto& [path, task] : board_.ready()) {
    if (++looked_at > kWindow || path > kAboutAsUrgent * first_path) break;
    if (NeedsSeveral(task)) continue;
    const int preferred = PreferredRank(task);
    if (preferred != kNobody && ranks_[preferred].listed == least)
      return Give(task, preferred, now);
  }
  return Give(first, rank, now);
}

std::optional<Assignment> Scheduler::NextRecall() {
  if (!board_.ready().empty() || loaded_.empty()) return std::nullopt;
  std::size_t idle = 0;
  for (const auto& [held, rank] : open_) {
    if (held > 0 || idle > recalls_) break;
    ++idle;
  }
  if (idle <= recalls_) return std::nullopt;
  const int busiest = *std::ranges::max_element(
      loaded_, {}, [&](int rank) { return ranks_[rank].seconds; });
  Held& last = ranks_[busiest].held.back();
  last.recalled = true;
  ++recalls_;
  Relist(busiest);
  return Assignment{last.task, last.attempt, {busiest}};
}

bool Scheduler::WouldCount(int rank, TaskId task, int attempt) const {
  const Held* held = Find(rank, task, attempt);
  const TaskState state = board_.state(task);
  return held && held->leads &&
         (state == TaskState::kReady || state == TaskState::kRunning ||
          state == TaskState::kElsewhere);
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

Scheduler::Loss Scheduler::RankLost(int number) {
  Rank& rank = ranks_[number];
  Loss loss;
  if (rank.lost) return loss;
  if (!rank.silent) --usable_;
  rank.lost = true;
  const std::vector<Held> held = std::exchange(rank.held, {});
  rank.seconds = 0;
  rank.deadline = std::numeric_limits<double>::infinity();
  Relist(number);
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (held[i].recalled) --recalls_;
    if (held[i].given_up || held[i].closed) continue;
    GiveUp(held[i].task);
    if (i == 0) loss.running.push_back(held[i].task);
    const std::vector<TaskId> ended =
        i == 0 ? Retry(held[i].task) : board_.PutBack(held[i].task);
    loss.ended.insert(loss.ended.end(), ended.begin(), ended.end());
  }
  return loss;
}

Scheduler::Expiry Scheduler::Expire(double now) {
  Expiry expiry;
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
    --usable_;
    rank.deadline = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < rank.held.size(); ++i) {
      const Held held = rank.held[i];
      if (i > 0) expiry.held.push_back({held.task, held.attempt, {number}});
      if (held.given_up) continue;
      GiveUp(held.task);
      if (i == 0) {
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

void Scheduler::Defer(const Assignment& assignment, double now) {
  const TaskId task = assignment.task;
  std::vector<int> ranks = {leader_[task]};
  if (const auto others = others_.find(task); others != others_.end())
    ranks.insert(ranks.end(), others->second.begin(), others->second.end());
  for (const int rank : ranks) Drop(rank, task, assignment.attempt, now);
  leader_[task] = kNobody;
  others_.erase(task);
  --attempts_[task];
  board_.Defer(task);
}

std::vector<TaskId> Scheduler::NotElsewhere(TaskId task) {
  return board_.PutBack(task);
}

}  // namespace besom::run
