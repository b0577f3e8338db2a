#include "tests/pipeline/run/simulation/sim_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace besom::testing {
namespace {

/// Times and delays stay well below the lease, so that only a rank that hangs
/// can lose it.
constexpr double kLongestTask = 1.5, kLongestDelay = 0.5;

}  // namespace

double Uniform(SimRandom& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

double LogUniform(SimRandom& random, double low, double high) {
  return low * std::exp(Uniform(random) * std::log(high / low));
}

bool FailsForGood(const SimPlan& plan, const SimSettings& settings,
                  TaskId task) {
  const TaskNode& node = plan.sweep.graph[task];
  if (node.stage != "fine_tune" && node.stage != "evaluate") return false;
  const std::uint64_t drawn =
      (node.key.Prefix64() ^ settings.seed * 0x9e3779b97f4a7c15u) % 1000003;
  return static_cast<double>(drawn) < settings.for_good * 1000003;
}

double SimWorld::Delay() {
  if (settings_.delay <= 0) return 0;
  return std::min(-std::log1p(-Uniform(random_)) * settings_.delay,
                  kLongestDelay);
}

void SimWorld::Push(double time, What what, int rank, std::size_t index) {
  events_.push({time, serial_++, what, rank, index});
}

void SimWorld::CheckOrder(const run::TaskOrder& order) {
  const TaskId task = order.task;
  const TaskNode& node = plan_.sweep.graph[task];
  if (store_.IsDone(task))
    Violate(fmt::format("'{}' is done and was handed out again", node.label));
  if (const std::size_t before = pending_[task]; before != kNone) {
    const Order& other = orders_[before];
    const Rank& rank = ranks_[static_cast<std::size_t>(other.rank)];
    if (!other.told && rank.alive && !rank.ever_hung)
      Violate(fmt::format("'{}' was handed out while rank {} computes it",
                          node.label, other.rank));
  }
  if (order.inputs.size() != node.inputs.size())
    Violate(fmt::format("'{}' got {} inputs", node.label, order.inputs.size()));
}

Status SimWorld::Start(const run::TaskOrder& order) {
  CheckOrder(order);
  Order& mine = orders_.emplace_back();
  mine.task = order.task;
  mine.attempt = order.attempt;
  mine.rank = order.ranks[0];
  const TaskNode& node = plan_.sweep.graph[order.task];
  for (std::size_t i = 0; i < order.inputs.size(); ++i) {
    const TaskInput& input = node.inputs[i];
    const run::TaskOutputs& outputs = plan_.outputs[input.task];
    const auto right =
        std::ranges::find(outputs, input.output, &run::PortBlob::port);
    if (right == outputs.end() || right->blob != order.inputs[i].blob)
      Violate(fmt::format("'{}' got a wrong input", node.label));
  }
  pending_[order.task] = orders_.size() - 1;
  Push(now_ + Delay(), What::kArrive, mine.rank, orders_.size() - 1);
  if (orders_.size() == kill_after_)
    Push(now_ + Uniform(random_), What::kKill, 0, 0);
  if (orders_.size() == stop_after_) stopped_ = true;
  return Status::Ok();
}

Status SimWorld::Recall(int rank, TaskId task, int) {
  Count(Fault::kRecalled);
  Push(now_ + Delay(), What::kRecall, rank, pending_[task]);
  return Status::Ok();
}

void SimWorld::BeginFirst(int number) {
  Rank& rank = ranks_[static_cast<std::size_t>(number)];
  if (rank.queue.empty() || !rank.alive) return;
  const std::size_t index = rank.queue.front();
  double seconds = std::min(
      -std::log1p(-Uniform(random_)) * settings_.task_seconds, kLongestTask);
  if (Chance(settings_.hang)) {
    Count(Fault::kRankHung);
    rank.ever_hung = true;
    // Often just over the lease, so that the task runs twice for a moment.
    seconds += Chance(0.5) ? kSimLease + Uniform(random_) * kLongestTask
                           : LogUniform(random_, 0.2, 4) * kSimLease;
    orders_[index].hung = true;
  } else if (Chance(settings_.die) &&
             (number != 0 || !settings_.fault_tolerant)) {
    Push(now_ + Uniform(random_) * seconds, What::kDie, number, 0);
  } else if (seconds > settings_.task_seconds) {
    Send(number,
         {number,
          run::TaskProgress{orders_[index].task, orders_[index].attempt, 0.5}},
         kNone);
  }
  if (interrupted_) seconds = 0;
  store_.seconds[orders_[index].task] = seconds;
  Push(now_ + seconds, What::kFinish, number, index);
}

std::size_t SimWorld::Keep(Letter letter) {
  if (read_.empty()) {
    letters_.push_back(std::move(letter));
    return letters_.size() - 1;
  }
  const std::size_t place = read_.back();
  read_.pop_back();
  letters_[place] = std::move(letter);
  return place;
}

void SimWorld::Send(int number, run::ExecutorEvent event, std::size_t order) {
  const double time = now_ + Delay();
  if (time < last_delivery_) Count(Fault::kMessagesReordered);
  last_delivery_ = std::max(last_delivery_, time);
  Rank& rank = ranks_[static_cast<std::size_t>(number)];
  rank.last_message = std::max(rank.last_message, time);
  Push(time, What::kDeliver, number, Keep({std::move(event), order}));
}

void SimWorld::StoreOutputs(TaskId task) {
  using Blob = SimStore::Blob;
  Blob& blob = store_.blobs[task];
  if (blob == Blob::kWhole) return;
  blob = Blob::kWhole;
  if (!Chance(settings_.damage)) return;
  Count(Fault::kBlobDamaged);
  blob = Chance(0.5) ? Blob::kFlipped : Blob::kMissing;
}

Status SimWorld::Outcome(Order& order) {
  ++result_.tasks_computed;
  for (const TaskInput& input : plan_.sweep.graph[order.task].inputs) {
    if (store_.blobs[input.task] == SimStore::Blob::kWhole) continue;
    order.broken = input.task;
    store_.blobs[input.task] = SimStore::Blob::kMissing;
    return CorruptError("input", "damaged");
  }
  if (interrupted_) return {StatusCode::kInterrupted, "task", "stopped"};
  if (FailsForGood(plan_, settings_, order.task)) {
    Count(Fault::kTaskFailedForGood);
    return {StatusCode::kFailed, "task", "bad input"};
  }
  if (Chance(settings_.for_now) ||
      (order.hung && settings_.for_now > 0 && Chance(0.5))) {
    Count(Fault::kTaskFailedForNow);
    return IoError("disk", "refused");
  }
  if (Chance(settings_.memory)) {
    Count(Fault::kOutOfMemory);
    return {StatusCode::kOutOfMemory, "task", "out of memory"};
  }
  StoreOutputs(order.task);
  return Status::Ok();
}

void SimWorld::Report(std::size_t index, Status status) {
  const Order& order = orders_[index];
  run::TaskReport report;
  report.task = order.task;
  report.attempt = order.attempt;
  report.status = std::move(status);
  if (report.status.ok()) report.outputs = plan_.outputs[order.task];
  if (order.broken != kNone) {
    for (const TaskInput& input : plan_.sweep.graph[order.task].inputs)
      if (input.task == order.broken)
        report.broken_input =
            std::ranges::find(plan_.outputs[order.broken], input.output,
                              &run::PortBlob::port)
                ->blob;
  }
  if (Chance(settings_.twice)) {
    Count(Fault::kAnsweredTwice);
    Send(order.rank, {order.rank, report}, index);
  }
  Send(order.rank, {order.rank, std::move(report)}, index);
}

void SimWorld::Finish(int number, std::size_t index) {
  Rank& rank = ranks_[static_cast<std::size_t>(number)];
  if (!rank.alive || rank.queue.empty() || rank.queue.front() != index) return;
  rank.queue.erase(rank.queue.begin());
  Report(index, Outcome(orders_[index]));
  BeginFirst(number);
}

void SimWorld::Die(int number) {
  Rank& rank = ranks_[static_cast<std::size_t>(number)];
  if (!rank.alive) return;
  Count(Fault::kRankDied);
  if (!settings_.fault_tolerant) return Push(now_, What::kKill, 0, 0);
  rank.alive = false;
  rank.queue.clear();
  // A death is told after the last message.
  Push(std::max(now_ + Delay(), rank.last_message), What::kDeliver, number,
       Keep({{number, run::RankLost{number}}, kNone}));
}

void SimWorld::Interrupt() {
  interrupted_ = true;
  for (int rank = 0; rank < settings_.ranks; ++rank) {
    const auto& queue = ranks_[static_cast<std::size_t>(rank)].queue;
    if (!queue.empty()) Push(now_ + Delay(), What::kFinish, rank, queue[0]);
  }
}

/// Where nothing is late no rank idles beside one that holds tasks which it
/// has not begun. Looked at where few ranks make that cheap.
void SimWorld::CheckIdle(double next) {
  constexpr int kFew = 16;
  constexpr double kMoment = 0.3;
  if (!settings_.Undisturbed() || settings_.ranks > kFew) return;
  bool idle = false, loaded = false;
  for (const Rank& rank : ranks_) {
    idle = idle || rank.queue.empty();
    loaded = loaded || rank.queue.size() > 1;
  }
  if (!idle || !loaded) {
    idle_since_ = next;
  } else if (next - idle_since_ > kMoment) {
    Violate("a rank idles beside one with tasks that it has not begun");
    idle_since_ = next;
  }
}

Result<std::optional<run::ExecutorEvent>> SimWorld::Wait(double seconds) {
  const double limit = now_ + seconds;
  while (!events_.empty() && events_.top().time <= limit) {
    const Event event = events_.top();
    CheckIdle(event.time);
    events_.pop();
    now_ = std::max(now_, event.time);
    Rank& rank = ranks_[static_cast<std::size_t>(event.rank)];
    switch (event.what) {
      case What::kArrive:
        if (!rank.alive) break;
        rank.queue.push_back(event.index);
        if (rank.queue.size() == 1) BeginFirst(event.rank);
        break;
      case What::kFinish:
        Finish(event.rank, event.index);
        break;
      case What::kRecall: {
        const auto place = std::ranges::find(rank.queue, event.index);
        if (place == rank.queue.end() || place == rank.queue.begin()) break;
        rank.queue.erase(place);
        const Order& order = orders_[event.index];
        Send(event.rank,
             {event.rank, run::TaskReturned{order.task, order.attempt}},
             event.index);
        break;
      }
      case What::kDie:
        Die(event.rank);
        break;
      case What::kDeliver: {
        Letter& letter = letters_[event.index];
        if (letter.order != kNone) orders_[letter.order].told = true;
        read_.push_back(event.index);
        return std::optional(std::move(letter.event));
      }
      case What::kKill:
        Count(Fault::kCoordinatorKilled);
        return Status(StatusCode::kInterrupted, "rank 0", "was killed");
    }
  }
  now_ = std::max(now_, limit);
  if (now_ > end_) {
    Violate("the sweep does not end");
    return InternalError("simulation", "does not end");
  }
  return std::optional<run::ExecutorEvent>();
}

Result<std::vector<run::ClaimOutcome>> SimWorld::Claim(
    const std::vector<TaskId>& tasks) {
  using Kind = run::ClaimOutcome::Kind;
  std::vector<run::ClaimOutcome> outcomes(tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const TaskId task = tasks[i];
    if (store_.known[task] && store_.Has(task)) {
      outcomes[i].kind = Kind::kDone;
      outcomes[i].known.outputs = plan_.outputs[task];
      continue;
    }
    const auto held = elsewhere_.find(task);
    if (held == elsewhere_.end()) {
      if (FailsForGood(plan_, settings_, task) ||
          was_elsewhere_.contains(task) || !Chance(settings_.elsewhere))
        continue;
      Count(Fault::kComputedElsewhere);
      was_elsewhere_.insert(task);
      elsewhere_[task] = now_ + Uniform(random_);
      outcomes[i].kind = Kind::kElsewhere;
    } else if (held->second > now_) {
      outcomes[i].kind = Kind::kElsewhere;
    } else {
      elsewhere_.erase(held);
      if (Chance(0.2)) {
        Count(Fault::kOtherRunDied);
        continue;
      }
      StoreOutputs(task);
      store_.known[task] = true;
      if (!store_.Has(task)) continue;
      outcomes[i].kind = Kind::kDone;
      outcomes[i].known.outputs = plan_.outputs[task];
    }
  }
  return outcomes;
}

}  // namespace besom::testing
