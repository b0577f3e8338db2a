#include "tests/pipeline/run/simulation/sim_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/pipeline/run/simulation/sim_store.h"

namespace besom::testing {
namespace {

constexpr double kLease = 5;
/// Times and delays stay well below the lease, so that only a rank that hangs
/// can lose it.
constexpr double kLongestTask = 1.5, kLongestDelay = 0.5;
/// A sweep that takes longer than this has lost a task.
constexpr double kPatience = 1e6;

using Random = std::mt19937_64;

double Uniform(Random& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

double LogUniform(Random& random, double low, double high) {
  return low * std::exp(Uniform(random) * std::log(high / low));
}

/// Some heads and evaluations fail whenever they run.
bool FailsForGood(const SimPlan& plan, const SimSettings& settings,
                  TaskId task) {
  const TaskNode& node = plan.sweep.graph[task];
  if (node.stage != "fine_tune" && node.stage != "evaluate") return false;
  const std::uint64_t drawn =
      (node.key.Prefix64() ^ settings.seed * 0x9e3779b97f4a7c15u) % 1000003;
  return static_cast<double>(drawn) < settings.for_good * 1000003;
}

/// One life of rank 0 and its ranks: from start to end, kill or stop.
class SimWorld final : public run::Executor,
                       public run::TaskClaims,
                       public Clock {
 public:
  SimWorld(const SimPlan& plan, const SimSettings& settings, SimStore& store,
           Random& random, SimResult& result, double now)
      : plan_(plan),
        settings_(settings),
        store_(store),
        random_(random),
        result_(result),
        now_(now),
        end_(now + kPatience),
        ranks_(static_cast<std::size_t>(settings.ranks)),
        pending_(plan.sweep.graph.size(), kNone) {}

  void KillAfter(std::size_t orders) { kill_after_ = orders; }
  void StopAfter(std::size_t orders) { stop_after_ = orders; }
  int stop_requests() const { return stopped_ ? 1 : 0; }

  double Monotonic() const override { return now_; }
  double Wall() const override { return now_; }

  int ranks() const override { return settings_.ranks; }
  std::vector<int> hosts() const override {
    std::vector<int> hosts;
    for (int rank = 0; rank < settings_.ranks; ++rank)
      hosts.push_back(rank / 8);
    return hosts;
  }
  Status Begin(const std::string&) override { return Status::Ok(); }
  Status Start(const run::TaskOrder& order) override;
  Status Recall(int rank, TaskId task, int attempt) override;
  Result<std::optional<run::ExecutorEvent>> Wait(double seconds) override;
  void Interrupt() override;
  Status Shutdown() override { return Status::Ok(); }

  Result<std::vector<run::ClaimOutcome>> Claim(
      const std::vector<TaskId>& tasks) override;
  Status Release(TaskId) override { return Status::Ok(); }
  Status Discard(TaskId task) override {
    store_.known[task] = false;
    return Status::Ok();
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  struct Order {
    TaskId task = 0;
    int attempt = 0;
    int rank = 0;
    TaskId broken = kNone;  // The task whose output could not be read.
    bool told = false;      // The coordinator knows its end, or gave it up.
  };
  struct Rank {
    std::vector<std::size_t> queue;  // Of orders; the first one runs.
    bool alive = true, ever_hung = false;
    double last_message = 0;
  };
  enum class What { kArrive, kFinish, kRecall, kDie, kDeliver, kKill };
  struct Event {
    double time = 0;
    std::uint64_t serial = 0;
    What what = What::kArrive;
    int rank = 0;
    std::size_t index = 0;  // Of an order or a message.
    bool operator>(const Event& other) const {
      return std::pair(time, serial) > std::pair(other.time, other.serial);
    }
  };
  struct Letter {
    run::ExecutorEvent event;
    std::size_t order = kNone;
  };

  bool Chance(double share) { return share > 0 && Uniform(random_) < share; }
  void Count(Fault fault) { ++result_.faults[static_cast<std::size_t>(fault)]; }
  void Violate(std::string what) {
    result_.violations.push_back(std::move(what));
  }
  double Delay();
  void Push(double time, What what, int rank, std::size_t index);
  std::size_t Keep(Letter letter);
  void Send(int rank, run::ExecutorEvent event, std::size_t order);
  void BeginFirst(int rank);
  void Finish(int rank, std::size_t order);
  Status Outcome(Order& order);
  void StoreOutputs(TaskId task);
  void Report(std::size_t order, Status status);
  void Die(int rank);
  void CheckOrder(const run::TaskOrder& order);

  const SimPlan& plan_;
  const SimSettings& settings_;
  SimStore& store_;
  Random& random_;
  SimResult& result_;
  double now_;
  const double end_;
  std::vector<Rank> ranks_;
  std::vector<std::size_t> pending_;  // By task: its latest order.
  std::vector<Order> orders_;
  std::vector<Letter> letters_;
  std::vector<std::size_t> read_;  // Places in letters_ to use again.
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::map<TaskId, double> elsewhere_;  // Until when.
  std::set<TaskId> was_elsewhere_;
  std::uint64_t serial_ = 0;
  std::size_t kill_after_ = kNone, stop_after_ = kNone;
  double last_delivery_ = 0;
  bool stopped_ = false, interrupted_ = false;
};

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
    seconds += LogUniform(random_, 0.2, 4) * kLease;
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
  if (Chance(settings_.for_now)) {
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

Result<std::optional<run::ExecutorEvent>> SimWorld::Wait(double seconds) {
  const double limit = now_ + seconds;
  while (!events_.empty() && events_.top().time <= limit) {
    const Event event = events_.top();
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

/// The trial's state at the end: failed when one of its own tasks must fail.
void CheckRows(const SimPlan& plan, const SimSettings& settings,
               const SimStore& store, SimResult& result) {
  const auto fails = [&](TaskId task) {
    return FailsForGood(plan, settings, task);
  };
  for (std::size_t trial = 0; trial < plan.sweep.trials.size(); ++trial) {
    const run::PlannedFit& fit = plan.sweep.trials[trial].fits[0];
    const db::TrialState right = fails(fit.fine_tune) || fails(fit.evaluate)
                                     ? db::TrialState::kFailed
                                     : db::TrialState::kDone;
    if (store.states[trial] != right)
      result.violations.push_back(fmt::format("trial {} ends as {}", trial,
                                              db::NameOf(store.states[trial])));
    if (store.ends[trial] != 1)
      result.violations.push_back(
          fmt::format("trial {} ended {} times", trial, store.ends[trial]));
    if (result.violations.size() > 5) return;
  }
}

/// Without faults the time is within Graham's bound of list scheduling (1969):
/// no rank idles while a task is ready.
void CheckTime(const SimPlan& plan, const SimSettings& settings,
               const SimStore& store, SimResult& result) {
  const TaskGraph& graph = plan.sweep.graph;
  double sum = 0, longest = 0;
  std::vector<double> path(graph.size());
  for (TaskId task = 0; task < graph.size(); ++task) {
    for (const TaskId producer : graph.producers(task))
      path[task] = std::max(path[task], path[producer]);
    path[task] += store.seconds[task];
    longest = std::max(longest, path[task]);
    sum += store.seconds[task];
  }
  const double bound = sum / settings.ranks + longest;
  if (result.virtual_seconds > 1.01 * bound + 0.01)
    result.violations.push_back(
        fmt::format("took {:.3f} s, and {:.3f} s are enough",
                    result.virtual_seconds, bound));
}

}  // namespace

std::string_view NameOf(Fault fault) {
  constexpr std::array<std::string_view, kFaults> kNames = {
      "rank died",
      "rank hung",
      "answered twice",
      "message reordered",
      "coordinator killed",
      "user stopped",
      "task failed, passing",
      "out of memory",
      "task failed for good",
      "blob damaged",
      "computed elsewhere",
      "other run died",
      "task recalled",
      "lease expired"};
  return kNames[static_cast<std::size_t>(fault)];
}

SimSettings SimSettings::Of(std::uint64_t seed) {
  Random random(seed);
  SimSettings settings;
  settings.seed = seed;
  settings.ranks = static_cast<int>(std::lround(LogUniform(random, 2, 1000)));
  settings.task_seconds = LogUniform(random, 0.005, 0.3);
  // One seed in ten is undisturbed; in the others about half of the kinds.
  if (settings.Undisturbed()) return settings;
  const auto some = [&](double most) {
    return Uniform(random) < 0.5 ? 0 : LogUniform(random, most / 100, most);
  };
  settings.die = some(0.02);
  settings.hang = some(0.01);
  settings.twice = some(0.3);
  settings.delay = some(0.05);
  settings.for_now = some(0.1);
  settings.memory = some(0.01);
  settings.damage = some(0.02);
  settings.elsewhere = some(0.1);
  settings.for_good = some(0.05);
  settings.kills = static_cast<int>(Uniform(random) * 4);
  settings.stops = static_cast<int>(Uniform(random) * 2);
  settings.fault_tolerant = Uniform(random) < 0.8;
  if (!settings.fault_tolerant) settings.die = std::min(settings.die, 0.001);
  return settings;
}

SimResult Simulate(const SimPlan& plan, const SimSettings& settings) {
  Random random(settings.seed ^ 0x5bd1e995);
  SimResult result;
  SimStore store(plan);
  for (const run::PlannedData& data : plan.sweep.data) {
    store.blobs[data.scan_task] = SimStore::Blob::kWhole;
    store.known[data.scan_task] = true;
  }
  double now = 0;
  int kills = settings.kills, stops = settings.stops;
  const double tasks = static_cast<double>(plan.sweep.graph.size());
  while (result.violations.empty()) {
    SimWorld world(plan, settings, store, random, result, now);
    if (kills > 0 && Uniform(random) < 0.7) {
      --kills;
      world.KillAfter(1 +
                      static_cast<std::size_t>(Uniform(random) * tasks / 2));
    } else if (stops > 0) {
      --stops;
      world.StopAfter(1 +
                      static_cast<std::size_t>(Uniform(random) * tasks / 2));
    }
    SimSink sink(plan, store);
    run::Recorder recorder(plan.sweep, sink, world);
    if (const Status found = recorder.FindDone(); !found.ok()) {
      result.violations.push_back(found.ToString());
      break;
    }
    run::RunObserver observer;
    run::CoordinatorOptions options;
    options.max_retries = 1000000;
    options.max_failed_trials = plan.sweep.trials.size();
    options.lease_seconds = kLease;
    run::Coordinator coordinator(
        plan.sweep, world, recorder, observer, world,
        [&] { return world.stop_requests(); }, options);
    coordinator.SetClaims(&world);
    std::vector<TaskId> targets;
    for (std::size_t trial = 0; trial < plan.evaluations.size(); ++trial)
      if (store.states[trial] != db::TrialState::kFailed)
        targets.push_back(plan.evaluations[trial]);
    const Result<run::RunOutcome> outcome = coordinator.Run(targets);
    now = world.Monotonic();
    if (outcome.ok() && !outcome->interrupted) break;
    if (outcome.ok())
      ++result.faults[static_cast<std::size_t>(Fault::kUserStopped)];
    ++result.restarts;
  }
  result.virtual_seconds = now;
  result.faults[static_cast<std::size_t>(Fault::kLeaseExpired)] =
      store.silent_ranks;
  if (result.violations.empty()) CheckRows(plan, settings, store, result);
  if (result.violations.empty() && settings.Undisturbed())
    CheckTime(plan, settings, store, result);
  return result;
}

}  // namespace besom::testing
