#pragma once

#include <map>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/run/coordinator.h"
#include "tests/pipeline/run/simulation/sim_events.h"
#include "tests/pipeline/run/simulation/sim_store.h"

namespace besom::testing {

using SimRandom = std::mt19937_64;
double Uniform(SimRandom& random);
double LogUniform(SimRandom& random, double low, double high);

inline constexpr double kSimLease = 5;  ///< Seconds, of simulated runs.
/// How long ranks that compute a task together wait for each other.
inline constexpr double kSimGroupWait = 2 * kSimLease;
/// A sweep that takes longer than this has lost a task.
inline constexpr double kSimPatience = 1e6;

inline constexpr int kSimRanksPerHost = 8;
/// Memory of a simulated GPU, and what a task of a space takes of it.
inline constexpr std::int64_t kSimDeviceBytes = 1000;
std::int64_t SimPeakBytes(const std::string& space);

/// Some heads and evaluations fail whenever they run.
bool FailsForGood(const SimPlan& plan, const SimSettings& settings,
                  TaskId task);

/// One life of rank 0 and its ranks: from start to end, kill or stop.
class SimWorld final : public run::Executor,
                       public run::TaskClaims,
                       public Clock {
 public:
  SimWorld(const SimPlan& plan, const SimSettings& settings, SimStore& store,
           SimRandom& random, SimResult& result, double now);

  void KillAfter(std::size_t orders) { kill_after_ = orders; }
  void StopAfter(std::size_t orders) { stop_after_ = orders; }
  int stop_requests() const { return stopped_ ? 1 : 0; }

  double Monotonic() const override { return now_; }
  double Wall() const override { return now_; }

  std::vector<run::RankTraits> traits() const override;
  Status Begin(const run::RunBegins&) override { return Status::Ok(); }
  Status Start(const run::TaskOrder& order) override;
  Status Recall(int rank, TaskId task, int attempt) override;
  Result<std::optional<run::ExecutorEvent>> Wait(double seconds) override;
  void Interrupt(int rank) override;
  Status Shutdown() override { return Status::Ok(); }

  Result<std::vector<run::ClaimOutcome>> Claim(
      const std::vector<TaskId>& tasks) override;
  Status Release(TaskId) override { return Status::Ok(); }
  Status Discard(TaskId task) override {
    store_.known[task] = false;
    return Status::Ok();
  }

 private:
  using What = SimEvent::What;

  bool Chance(double share) { return share > 0 && Uniform(random_) < share; }
  void Count(Fault fault) { ++result_.faults[static_cast<std::size_t>(fault)]; }
  void Violate(std::string what) {
    result_.violations.push_back(std::move(what));
  }
  SimRank& At(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }
  std::span<SimPart> Parts(const SimOrder& order) {
    return std::span(parts_).subspan(order.first_part, order.members);
  }
  SimPart& PartOf(const SimOrder& order, int rank);
  bool AllJoined(const SimOrder& order);
  double Delay();
  void Push(double time, What what, int rank, std::size_t index);
  std::size_t Keep(SimLetter letter);
  void Send(int rank, run::ExecutorEvent event, std::size_t order);
  double SecondsOfTask();
  double DrawSeconds(std::span<const SimOrder> call);
  void SendProgress(int rank, const SimOrder& order);
  bool Hangs(SimOrder& order, double& seconds);
  bool Dies(int rank);
  SimOrder& AddOrder(TaskId task, int attempt);
  std::span<SimOrder> CallOf(std::size_t order);
  void Arrive(int rank, std::size_t order);
  void BeginFirst(int rank);
  void Finish(int rank, std::size_t order);
  void ComputeAlone(SimOrder& order);
  std::size_t BrokenInput(TaskId task) const;
  Status ReadInputs(TaskId task, SimPart& part);
  Status Outcome(const SimOrder& order);
  void StoreOutputs(TaskId task);
  void Report(int rank, std::size_t order);
  void Die(int rank);
  void ReturnUnbegun(int rank, std::size_t order);
  void Hear(const SimLetter& letter);

  void BeginPart(int rank, std::size_t order);
  void DamageInput(TaskId task);
  void Join(int rank, std::size_t order);
  void Decide(std::size_t order, SimPart& part, Status status, double notice);
  void Break(std::size_t order);
  void ComputeTogether(std::size_t order);
  void LoseMember(int rank, std::size_t order);
  void WaitedLong(std::size_t order);

  void CheckOrder(const run::TaskOrder& order);
  void CheckCompanions(const run::TaskOrder& order);
  void CheckGroup(const run::TaskOrder& order);
  void CheckOvertaking(TaskId task);
  void CheckInputs(const run::TaskOrder& order);
  void CheckIdle(double next);
  void CheckMemory(int rank);
  int GpuOf(int rank) const;

  const SimPlan& plan_;
  const SimSettings& settings_;
  SimStore& store_;
  SimRandom& random_;
  SimResult& result_;
  double now_;
  const double end_;
  std::vector<SimRank> ranks_;
  std::vector<std::size_t> pending_;   // By task: its latest order.
  std::vector<bool> short_of_memory_;  // By task: as the coordinator knows.
  // What can start, where nothing goes wrong.
  std::optional<run::TaskBoard> board_;
  std::vector<SimOrder> orders_;
  std::vector<SimPart> parts_;  // Those of an order one after another.
  std::vector<SimLetter> letters_;
  std::vector<std::size_t> read_;  // Places in letters_ to use again.
  std::priority_queue<SimEvent, std::vector<SimEvent>, std::greater<>> events_;
  std::map<TaskId, double> elsewhere_;  // Until when.
  std::set<TaskId> was_elsewhere_;
  std::uint64_t serial_ = 0;
  std::size_t kill_after_ = kNone, stop_after_ = kNone;
  double last_delivery_ = 0, idle_since_ = 0;
  bool stopped_ = false, interrupted_ = false;
};

}  // namespace besom::testing
