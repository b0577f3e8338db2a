#include "tests/pipeline/run/simulation/sim_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tests/pipeline/run/simulation/sim_ranks.h"

namespace besom::testing {
namespace {

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
/// while a task is ready fewer ranks idle than it needs. What one call computes
/// is one task in this.
void CheckTime(const SimPlan& plan, const SimSettings& settings,
               const SimStore& store, SimResult& result) {
  const TaskGraph& graph = plan.sweep.graph;
  double sum = 0, longest = 0;
  int most = 1;
  std::vector<double> path(graph.size());
  for (TaskId task = 0; task < graph.size(); ++task) {
    for (const TaskId producer : graph.producers(task))
      path[task] = std::max(path[task], path[producer]);
    path[task] += store.elapsed[task];
    longest = std::max(longest, path[task]);
    const int ranks = std::min(graph[task].ranks, settings.ranks);
    most = std::max(most, ranks);
    sum += store.seconds[task] * ranks;
  }
  const double bound = sum / (settings.ranks - most + 1) + longest;
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
      "lease expired",
      "group lost its leader",
      "group lost a member",
      "group waited too long",
      "one member failed",
      "input hurt at a member",
      "GPU shared by ranks",
      "tasks in one call"};
  return kNames[static_cast<std::size_t>(fault)];
}

SimSettings SimSettings::Of(std::uint64_t seed) {
  SimRandom random(seed);
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
  if (Uniform(random) < 0.3)
    settings.ranks_per_gpu = 1 + static_cast<int>(Uniform(random) * 5);
  if (!settings.fault_tolerant) settings.die = std::min(settings.die, 0.001);
  return settings;
}

SimResult Simulate(const SimPlan& plan, const SimSettings& settings) {
  SimRandom random(settings.seed ^ 0x5bd1e995);
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
    options.lease_seconds = kSimLease;
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
