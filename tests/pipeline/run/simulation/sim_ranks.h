#pragma once

#include <map>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/run/coordinator.h"
#include "tests/pipeline/run/simulation/sim_store.h"

namespace besom::testing {

using SimRandom = std::mt19937_64;
double Uniform(SimRandom& random);
double LogUniform(SimRandom& random, double low, double high);

/// Seconds of the simulated runs' leases.
inline constexpr double kSimLease = 5;
/// A sweep that takes longer than this has lost a task.
inline constexpr double kSimPatience = 1e6;

/// Some heads and evaluations fail whenever they run.
bool FailsForGood(const SimPlan& plan, const SimSettings& settings,
                  TaskId task);

/// One life of rank 0 and its ranks: from start to end, kill or stop.
class SimWorld final : public run::Executor,
                       public run::TaskClaims,
                       public Clock {
 public:
  SimWorld(const SimPlan& plan, const SimSettings& settings, SimStore& store,
           SimRandom& random, SimResult& result, double now)
      : plan_(plan),
        settings_(settings),
        store_(store),
        random_(random),
        result_(result),
        now_(now),
        end_(now + kSimPatience),
        ranks_(static_cast<std::size_t>(settings.ranks)),
        pending_(plan.sweep.graph.size(), kNone) {}

  void KillAfter(std::size_t orders) { kill_after_ = orders; }
  void StopAfter(std::size_t orders) { stop_after_ = orders; }
  int stop_requests() const { return stopped_ ? 1 : 0; }

  double Monotonic() const override { return now_; }
  double Wall() const override { return now_; }

  std::vector<run::RankTraits> traits() const override {
    std::vector<run::RankTraits> traits;
    for (int rank = 0; rank < settings_.ranks; ++rank)
      traits.push_back(
          {.host = rank / 8, .numerics = {"cpu/simulated/fp32/any"}});
    return traits;
  }
  Status Begin(const run::RunBegins&) override { return Status::Ok(); }
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
    bool hung = false;
    bool told = false;  // The coordinator knows its end, or gave it up.
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
  void CheckIdle(double next);

  const SimPlan& plan_;
  const SimSettings& settings_;
  SimStore& store_;
  SimRandom& random_;
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
  double last_delivery_ = 0, idle_since_ = 0;
  bool stopped_ = false, interrupted_ = false;
};

}  // namespace besom::testing
