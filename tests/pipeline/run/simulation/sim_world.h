#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/run/coordinator.h"
#include "tests/pipeline/run/simulation/sim_plan.h"

namespace besom::testing {

/// What can go wrong in a simulated run; each is counted.
enum class Fault {
  kRankDied,
  kRankHung,
  kAnsweredTwice,
  kMessagesReordered,
  kCoordinatorKilled,
  kUserStopped,
  kTaskFailedForNow,
  kOutOfMemory,
  kTaskFailedForGood,
  kBlobDamaged,
  kComputedElsewhere,
  kOtherRunDied,
  kRecalled,
  kLeaseExpired,
  kGroupLostLeader,
  kGroupLostMember,
  kGroupWaitedLong,
  kMemberFailed,
  kDamagedForMember,
  kGpuShared,
  kFused,
  kCount
};
inline constexpr auto kFaults = static_cast<std::size_t>(Fault::kCount);
std::string_view NameOf(Fault fault);

/// How likely each fault is in one simulated run; drawn from its seed.
struct SimSettings {
  std::uint64_t seed = 0;
  int ranks = 2;
  double task_seconds = 0.1;  ///< Mean time of a task.
  double die = 0, hang = 0, twice = 0, delay = 0, for_now = 0, memory = 0,
         damage = 0, elsewhere = 0;  ///< Per task or message.
  double for_good = 0;               ///< Share of tasks that always fail.
  int kills = 0, stops = 0;          ///< Of the coordinator; by the user.
  bool fault_tolerant = true;        ///< Else a dead rank ends the job.
  int ranks_per_gpu = 0;  ///< That share one; 0 = all have what they need.

  static SimSettings Of(std::uint64_t seed);
  bool Undisturbed() const { return seed % 10 == 0; }
};

struct SimResult {
  /// What was wrong, first thing first; empty = every invariant held.
  std::vector<std::string> violations;
  std::array<std::size_t, kFaults> faults{};
  std::size_t tasks_computed = 0, restarts = 0;
  std::size_t groups_computed = 0;  ///< Of the tasks, by several ranks.
  double virtual_seconds = 0;
};

/// Runs planner output, scheduler, coordinator and recorder through the faults
/// of `settings`, restarting until every trial has ended, and checks:
/// (1) every trial ends exactly once, as it must;
/// (2) no committed task with whole outputs is handed out again, and no task
///     is handed out while ranks that are alive and heard of compute it;
/// (3) no task is lost: the sweep ends;
/// (4) a task goes to a rank that offers its numerics, and what runs on a GPU
///     fits into its memory;
/// (5) every task reads what it must, and the rows are those of an undisturbed
///     run;
/// (6) without faults nobody idles: the time is within the bound of list
///     scheduling;
/// (7) a task of several ranks is given to as many distinct ranks at most,
///     none of them lost, all of them free, so that groups do not wait for
///     each other; after want of memory to one; without faults nothing
///     overtakes it.
SimResult Simulate(const SimPlan& plan, const SimSettings& settings);

}  // namespace besom::testing
