// Runs many simulated sweeps, each with faults of its own, and checks each
// against the invariants of sim_world.h:
//   simulate [--seeds N] [--first S] [--threads T] [--stop-at-violation]
//   simulate --tasks N [--first S] [--ranks R] [--apart]: one sweep of N tasks
//   with the faults of S, on R ranks, with --apart no two tasks in one call;
//   prints what of a core each task takes of planner and coordinator
// A seed that fails is printed; --seeds 1 --first SEED replays it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "pipeline/base/clock.h"
#include "tests/pipeline/run/simulation/sim_world.h"

namespace besom::testing {
namespace {

constexpr std::size_t kSizes = 32;

struct Options {
  std::uint64_t seeds = 1000, first = 0;
  unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  std::size_t tasks = 0;  ///< Of one sweep; 0 = many seeds.
  int ranks = 0;          ///< Of one sweep; 0 = drawn.
  bool stop_at_violation = false, apart = false;
};

Options ReadOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--stop-at-violation") {
      options.stop_at_violation = true;
      continue;
    }
    if (name == "--apart") {
      options.apart = true;
      continue;
    }
    const auto value = i + 1 < argc ? std::strtoull(argv[++i], nullptr, 10) : 0;
    if (name == "--ranks") options.ranks = static_cast<int>(value);
    if (name == "--seeds") options.seeds = value;
    if (name == "--first") options.first = value;
    if (name == "--tasks") options.tasks = value;
    if (name == "--threads") options.threads = static_cast<unsigned>(value);
  }
  return options;
}

/// Sizes from 10 to 10,000 tasks, evenly on a logarithmic scale.
std::size_t TasksOfSize(std::size_t size) {
  return static_cast<std::size_t>(std::lround(
      10 * std::pow(1000.0, static_cast<double>(size) / (kSizes - 1))));
}

/// A plan of each size for trials of one rank, and one for those of several.
constexpr std::size_t kPlans = 2 * kSizes;

SimPlan MakePlan(std::size_t plan) {
  const std::size_t size = plan % kSizes;
  const SimTrials several =
      size % 2 == 0 ? SimTrials::kMixed : SimTrials::kOfSeveralRanks;
  return MakeSimPlan(TasksOfSize(size),
                     plan < kSizes ? SimTrials::kOfOneRank : several);
}

/// One seed in ten has trials of several ranks.
std::size_t PlanOf(std::uint64_t seed) {
  const std::uint64_t drawn = seed * 2654435761u % 4294967291u;
  return drawn % kSizes + (drawn / kSizes % 10 == 0 ? kSizes : 0);
}

struct Totals {
  std::array<std::size_t, kFaults> faults{};
  std::size_t tasks = 0, computed = 0, restarts = 0, large = 0, violated = 0;
  std::size_t groups = 0;

  void Add(const SimResult& result, std::size_t graph, int ranks) {
    for (std::size_t i = 0; i < kFaults; ++i) faults[i] += result.faults[i];
    tasks += graph;
    computed += result.tasks_computed;
    groups += result.groups_computed;
    restarts += result.restarts;
    large += ranks >= 500 ? 1 : 0;
    violated += result.violations.empty() ? 0 : 1;
  }
};

/// The most memory that this process has had, MiB.
double MostMemory() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// Seconds of a core that this process has used.
double CpuSeconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

void KeepApart(TaskGraph& graph) {
  const TaskGraph fused = std::exchange(graph, TaskGraph());
  for (TaskId task = 0; task < fused.size(); ++task) {
    TaskNode node = fused[task];
    node.fusion = -1;
    graph.Add(std::move(node));
  }
}

int RunOne(const Options& options) {
  const double start = CpuSeconds();
  SimPlan plan = MakeSimPlan(options.tasks, SimTrials::kOfOneRank);
  const double planned = CpuSeconds();
  const double plan_memory = MostMemory();
  if (options.apart) KeepApart(plan.sweep.graph);
  SimSettings settings = SimSettings::Of(options.first);
  if (options.ranks > 0) settings.ranks = options.ranks;
  const double begun = CpuSeconds();
  const SimResult result = Simulate(plan, settings);
  const double ended = CpuSeconds();
  const auto tasks = static_cast<double>(plan.sweep.graph.size());
  fmt::print(
      "{} tasks on {} ranks, {} computed, {} restarts: planned in {:.2f} us a "
      "task and {:.0f} MiB, run in {:.2f} us a task and {:.0f} MiB\n",
      plan.sweep.graph.size(), settings.ranks, result.tasks_computed,
      result.restarts, 1e6 * (planned - start) / tasks, plan_memory,
      1e6 * (ended - begun) / tasks, MostMemory());
  for (const std::string& violation : result.violations)
    fmt::print("seed {} ({}\n", options.first, violation);
  return result.violations.empty() ? 0 : 1;
}

int Main(const Options& options) {
  const SystemClock clock;
  const double start = clock.Monotonic();
  std::vector<SimPlan> plans(kPlans);
  std::atomic<std::size_t> next_plan = 0;
  std::atomic<std::uint64_t> next_seed = 0;
  std::mutex mutex;
  Totals totals;
  const auto in_threads = [&](const auto& work) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < options.threads; ++i) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
  };
  in_threads([&] {
    for (std::size_t i; (i = next_plan++) < kPlans;) plans[i] = MakePlan(i);
  });
  const double planned = clock.Monotonic();
  in_threads([&] {
    Totals mine;
    for (std::uint64_t i; (i = next_seed++) < options.seeds;) {
      const std::uint64_t seed = options.first + i;
      const SimPlan& plan = plans[PlanOf(seed)];
      const SimSettings settings = SimSettings::Of(seed);
      const SimResult result = Simulate(plan, settings);
      mine.Add(result, plan.sweep.graph.size(), settings.ranks);
      if (result.violations.empty()) continue;
      const std::lock_guard lock(mutex);
      fmt::print("seed {} ({} tasks, {} ranks): {}\n", seed,
                 plan.sweep.graph.size(), settings.ranks, result.violations[0]);
      if (!options.stop_at_violation) continue;
      std::fflush(stdout);
      std::_Exit(1);
    }
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < kFaults; ++i)
      totals.faults[i] += mine.faults[i];
    totals.tasks += mine.tasks;
    totals.computed += mine.computed;
    totals.groups += mine.groups;
    totals.restarts += mine.restarts;
    totals.large += mine.large;
    totals.violated += mine.violated;
  });
  const double seconds = clock.Monotonic() - planned;
  for (std::size_t i = 0; i < kFaults; ++i)
    fmt::print("{:24} {:10}\n", NameOf(static_cast<Fault>(i)),
               totals.faults[i]);
  fmt::print(
      "{} seeds ({} with 500 ranks or more), {} tasks, {} computed ({} by "
      "several ranks), {} restarts: {} violated\n{:.1f} s planning, {:.1f} s "
      "simulating on {} "
      "threads, {:.2f} us a task\n",
      options.seeds, totals.large, totals.tasks, totals.computed, totals.groups,
      totals.restarts, totals.violated, planned - start, seconds,
      options.threads, 1e6 * seconds / static_cast<double>(totals.computed));
  return totals.violated > 0 ? 1 : 0;
}

}  // namespace
}  // namespace besom::testing

int main(int argc, char** argv) {
  const auto options = besom::testing::ReadOptions(argc, argv);
  return options.tasks > 0 ? besom::testing::RunOne(options)
                           : besom::testing::Main(options);
}
