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

std::int64_t SimPeakBytes(const std::string& space) {
  return 100 + 50 * static_cast<std::int64_t>(
                        DigestOf(std::string_view(space)).Prefix64() % 12);
}

SimWorld::SimWorld(const SimPlan& plan, const SimSettings& settings,
                   SimStore& store, SimRandom& random, SimResult& result,
                   double now)
    : plan_(plan),
      settings_(settings),
      store_(store),
      random_(random),
      result_(result),
      now_(now),
      end_(now + kSimPatience),
      ranks_(static_cast<std::size_t>(settings.ranks)),
      pending_(plan.sweep.graph.size(), kNone),
      short_of_memory_(plan.sweep.graph.size()) {
  if (settings.Undisturbed())
    board_.emplace(plan.sweep.graph, store.known, plan.evaluations,
                   std::vector<int>(plan.sweep.graph.size()));
}

/// Where ranks share GPUs one in three has none, the first ones have. A GPU is
/// of one host.
int SimWorld::GpuOf(int rank) const {
  if (settings_.ranks_per_gpu == 0 || rank % 3 == 2) return -1;
  const int first = rank / kSimRanksPerHost * kSimRanksPerHost;
  return first + rank % kSimRanksPerHost / settings_.ranks_per_gpu;
}

std::vector<run::RankTraits> SimWorld::traits() const {
  std::vector<run::RankTraits> traits;
  for (int rank = 0; rank < settings_.ranks; ++rank) {
    run::RankTraits& mine = traits.emplace_back();
    mine.host = rank / kSimRanksPerHost;
    mine.gpu = GpuOf(rank);
    mine.numerics = {"cpu/simulated/fp32/any"};
    if (settings_.ranks_per_gpu == 0 || mine.gpu >= 0)
      mine.numerics.emplace_back(kSimNumerics);
  }
  return traits;
}

SimPart& SimWorld::PartOf(const SimOrder& order, int rank) {
  return *std::ranges::find(Parts(order), rank, &SimPart::rank);
}

double SimWorld::Delay() {
  if (settings_.delay <= 0) return 0;
  return std::min(-std::log1p(-Uniform(random_)) * settings_.delay,
                  kLongestDelay);
}

void SimWorld::Push(double time, What what, int rank, std::size_t index) {
  events_.push({time, serial_++, what, rank, index});
}

SimOrder& SimWorld::AddOrder(TaskId task, int attempt) {
  SimOrder& mine = orders_.emplace_back();
  mine.task = task;
  mine.attempt = attempt;
  mine.first_part = parts_.size();
  mine.call = orders_.size() - 1;
  pending_[task] = mine.call;
  return mine;
}

/// The orders that are computed in one call with this one, itself included.
std::span<SimOrder> SimWorld::CallOf(std::size_t order) {
  const std::size_t first = orders_[order].call;
  return std::span(orders_).subspan(first, 1 + orders_[first].companions);
}

Status SimWorld::Start(const run::TaskOrder& order) {
  CheckOrder(order);
  CheckCompanions(order);
  SimOrder& mine = AddOrder(order.task, order.attempt);
  mine.members = order.ranks.size();
  mine.companions = order.companions.size();
  const std::size_t index = mine.call;
  for (const int number : order.ranks) {
    parts_.emplace_back().rank = number;
    SimRank& rank = At(number);
    rank.unheard += 1 + static_cast<int>(order.companions.size());
    // As messages of MPI do, orders do not overtake each other.
    rank.last_order = std::max(rank.last_order, now_ + Delay());
    Push(rank.last_order, What::kArrive, number, index);
  }
  for (const run::Companion& companion : order.companions) {
    AddOrder(companion.task, companion.attempt).call = index;
    parts_.emplace_back().rank = order.ranks[0];
    Count(Fault::kFused);
  }
  const auto comes = [&](std::size_t limit) {
    return index < limit && limit <= orders_.size();
  };
  if (comes(kill_after_)) Push(now_ + Uniform(random_), What::kKill, 0, 0);
  if (comes(stop_after_)) stopped_ = true;
  return Status::Ok();
}

Status SimWorld::Recall(int rank, TaskId task, int) {
  Count(Fault::kRecalled);
  Push(now_ + Delay(), What::kRecall, rank, pending_[task]);
  return Status::Ok();
}

double SimWorld::SecondsOfTask() {
  return std::min(-std::log1p(-Uniform(random_)) * settings_.task_seconds,
                  kLongestTask);
}

/// Draws how long each order of a call takes; returns the whole.
double SimWorld::DrawSeconds(std::span<const SimOrder> call) {
  double seconds = 0;
  for (const SimOrder& one : call)
    seconds += store_.seconds[one.task] = SecondsOfTask();
  const double factor = std::min(1.0, kLongestTask / seconds);
  for (const SimOrder& one : call) store_.seconds[one.task] *= factor;
  return seconds * factor;
}

void SimWorld::SendProgress(int number, const SimOrder& order) {
  Send(number, {number, run::TaskProgress{order.task, order.attempt, 0.5}},
       kNone);
}

/// Whether the ranks of `order` hang for a while, which is added to `seconds`.
bool SimWorld::Hangs(SimOrder& order, double& seconds) {
  if (!Chance(settings_.hang)) return false;
  Count(Fault::kRankHung);
  for (const SimPart& part : Parts(order)) At(part.rank).ever_hung = true;
  // Often just over the lease, so that the task runs twice for a moment.
  seconds += Chance(0.5) ? kSimLease + Uniform(random_) * kLongestTask
                         : LogUniform(random_, 0.2, 4) * kSimLease;
  return order.hung = true;
}

bool SimWorld::Dies(int rank) {
  return Chance(settings_.die) && (rank != 0 || !settings_.fault_tolerant);
}

void SimWorld::Arrive(int number, std::size_t index) {
  SimRank& rank = At(number);
  if (!rank.alive) return LoseMember(number, index);
  rank.queue.push_back(index);
  if (rank.queue.size() == 1) BeginFirst(number);
}

void SimWorld::BeginFirst(int number) {
  SimRank& rank = At(number);
  if (rank.queue.empty() || !rank.alive) return;
  const std::size_t index = rank.queue.front();
  SimOrder& order = orders_[index];
  if (order.OfSeveral()) return BeginPart(number, index);
  if (!plan_.sweep.graph[order.task].numerics.empty()) CheckMemory(number);
  double seconds = DrawSeconds(CallOf(index));
  if (Hangs(order, seconds)) {
  } else if (Dies(number)) {
    Push(now_ + Uniform(random_) * seconds, What::kDie, number, 0);
  } else if (seconds > settings_.task_seconds) {
    SendProgress(number, order);
  }
  if (interrupted_) seconds = 0;
  for (const SimOrder& one : CallOf(index)) store_.elapsed[one.task] = seconds;
  Push(now_ + seconds, What::kFinish, number, index);
}

std::size_t SimWorld::Keep(SimLetter letter) {
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
  SimRank& rank = At(number);
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

/// The task whose output, which `task` reads, is not there; or kNone.
std::size_t SimWorld::BrokenInput(TaskId task) const {
  for (const TaskInput& input : plan_.sweep.graph[task].inputs)
    if (store_.blobs[input.task] != SimStore::Blob::kWhole) return input.task;
  return kNone;
}

Status SimWorld::ReadInputs(TaskId task, SimPart& part) {
  part.broken = BrokenInput(task);
  if (part.broken == kNone) return Status::Ok();
  store_.blobs[part.broken] = SimStore::Blob::kMissing;
  return CorruptError("input", "damaged");
}

/// How an attempt ends that could read its inputs.
Status SimWorld::Outcome(const SimOrder& order) {
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

void SimWorld::Report(int number, std::size_t index) {
  SimOrder& order = orders_[index];
  const SimPart& part = PartOf(order, number);
  run::TaskReport report;
  report.task = order.task;
  report.attempt = order.attempt;
  report.status = part.status;
  if (report.status.ok() && &part == &Parts(order)[0])
    report.outputs = plan_.outputs[order.task];
  if (const TaskNode& node = plan_.sweep.graph[order.task];
      !node.numerics.empty() && GpuOf(number) >= 0) {
    report.device_peak = SimPeakBytes(node.space);
    report.device_bytes = kSimDeviceBytes;
  }
  if (part.broken != kNone) {
    for (const TaskInput& input : plan_.sweep.graph[order.task].inputs)
      if (input.task == part.broken)
        report.broken_input =
            std::ranges::find(plan_.outputs[part.broken], input.output,
                              &run::PortBlob::port)
                ->blob;
  }
  if (Chance(settings_.twice)) {
    Count(Fault::kAnsweredTwice);
    Send(number, {number, report}, index);
  }
  Send(number, {number, std::move(report)}, index);
}

void SimWorld::Finish(int number, std::size_t index) {
  SimRank& rank = At(number);
  if (!rank.alive || rank.queue.empty() || rank.queue.front() != index) return;
  rank.queue.erase(rank.queue.begin());
  const std::size_t end = index + CallOf(index).size();
  for (std::size_t one = index; one < end; ++one) {
    if (!orders_[one].OfSeveral()) ComputeAlone(orders_[one]);
    Report(number, one);
  }
  BeginFirst(number);
}

void SimWorld::ComputeAlone(SimOrder& order) {
  ++result_.tasks_computed;
  SimPart& part = Parts(order)[0];
  part.status = ReadInputs(order.task, part);
  if (part.status.ok()) part.status = Outcome(order);
}

void SimWorld::Die(int number) {
  SimRank& rank = At(number);
  if (!rank.alive) return;
  Count(Fault::kRankDied);
  if (!settings_.fault_tolerant) return Push(now_, What::kKill, 0, 0);
  rank.alive = false;
  for (const std::size_t index : rank.queue) LoseMember(number, index);
  rank.queue.clear();
  // A death is told after the last message.
  Push(std::max(now_ + Delay(), rank.last_message), What::kDeliver, number,
       Keep({{number, run::RankLost{number}}, kNone}));
}

void SimWorld::ReturnUnbegun(int number, std::size_t index) {
  std::vector<std::size_t>& queue = At(number).queue;
  const std::size_t first = orders_[index].call;
  const auto place = std::ranges::find(queue, first);
  if (place == queue.end() || place == queue.begin()) return;
  queue.erase(place);
  const std::size_t end = first + CallOf(first).size();
  for (std::size_t one = first; one < end; ++one) {
    const SimOrder& order = orders_[one];
    Send(number, {number, run::TaskReturned{order.task, order.attempt}}, one);
  }
}

void SimWorld::Interrupt(int rank) {
  interrupted_ = true;
  const auto& queue = At(rank).queue;
  if (queue.empty()) return;
  const SimOrder& order = orders_[queue[0]];
  if (!order.OfSeveral())
    Push(now_ + Delay(), What::kFinish, rank, queue[0]);
  else if (AllJoined(order))
    Push(now_ + Delay(), What::kTogether, rank, queue[0]);
}

/// The coordinator gets a letter.
void SimWorld::Hear(const SimLetter& letter) {
  SimRank& rank = At(letter.event.rank);
  if (std::holds_alternative<run::RankLost>(letter.event.what))
    rank.known_lost = true;
  if (letter.order == kNone) return;
  SimOrder& order = orders_[letter.order];
  SimPart& part = PartOf(order, letter.event.rank);
  if (!part.heard) --rank.unheard;
  part.heard = true;
  const auto* report = std::get_if<run::TaskReport>(&letter.event.what);
  const bool done = report && report->status.ok();
  if (done && &part != &Parts(order)[0]) return;
  order.told = true;
  // Whoever else computes it does so in vain.
  if (done) orders_[pending_[order.task]].told = true;
  if (report && report->status.code() == StatusCode::kOutOfMemory &&
      pending_[order.task] == letter.order)
    short_of_memory_[order.task] = true;
  if (!board_) return;
  if (done)
    board_->Finish(order.task);
  else
    board_->PutBack(order.task);
}

Result<std::optional<run::ExecutorEvent>> SimWorld::Wait(double seconds) {
  const double limit = now_ + seconds;
  while (!events_.empty() && events_.top().time <= limit) {
    const SimEvent event = events_.top();
    CheckIdle(event.time);
    events_.pop();
    now_ = std::max(now_, event.time);
    switch (event.what) {
      case What::kArrive:
        Arrive(event.rank, event.index);
        break;
      case What::kFinish:
        Finish(event.rank, event.index);
        break;
      case What::kRecall:
        ReturnUnbegun(event.rank, event.index);
        break;
      case What::kDie:
        Die(event.rank);
        break;
      case What::kJoin:
        Join(event.rank, event.index);
        break;
      case What::kTogether:
        ComputeTogether(event.index);
        break;
      case What::kWaitedLong:
        WaitedLong(event.index);
        break;
      case What::kDeliver: {
        SimLetter& letter = letters_[event.index];
        Hear(letter);
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
