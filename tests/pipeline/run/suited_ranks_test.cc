// Which ranks the scheduler gives tasks that need a device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/run/scheduler.h"
#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr char kGpu[] = "cuda/e/fp32/h100";
constexpr char kCpu[] = "cpu/e/fp32/avx2";
constexpr std::int64_t kGigabyte = std::int64_t{1} << 30;

testing::SmallTask OnGpu(const std::string& name, double cost,
                         const std::string& space = "s") {
  return {name, cost, {}, "features", kGpu, space};
}

class SuitedRanksTest : public ::testing::Test {
 protected:
  /// All tasks of `graph` are wanted.
  Scheduler Make(const TaskGraph& graph, std::vector<RankTraits> ranks,
                 std::int64_t bytes_per_rank = 0) {
    std::vector<TaskId> targets;
    for (TaskId task = 0; task < graph.size(); ++task) targets.push_back(task);
    SchedulerOptions options;
    options.ranks = std::move(ranks);
    options.bytes_per_rank = bytes_per_rank;
    return Scheduler(graph, std::vector<bool>(graph.size()), targets, options);
  }
  /// All that is handed out now, as (task, leader).
  static std::vector<std::pair<TaskId, int>> GiveAll(Scheduler& scheduler) {
    std::vector<std::pair<TaskId, int>> given;
    while (const auto next = scheduler.Next(0))
      given.emplace_back(next->task, next->ranks[0]);
    return given;
  }
  static void Finish(Scheduler& scheduler, TaskId task, int rank,
                     std::int64_t peak = 0, std::int64_t device = 0) {
    ASSERT_EQ(scheduler.Done(rank, task, scheduler.attempt(task), 0),
              Verdict::kCounts);
    if (device > 0) scheduler.Measured(task, peak, device);
  }

  const RankTraits cpu_{.numerics = {kCpu}};
  const RankTraits gpu_{.numerics = {kGpu, kCpu}, .gpu = 0};
};

TEST_F(SuitedRanksTest, ATaskThatReadsFilesGoesOnlyWhereTheyAre) {
  TaskGraph graph;
  for (const std::string name : {"a", "b", "c"}) {
    TaskNode node;
    node.key = DigestOf(name);
    node.stage = "ingest";
    node.cost = 100;
    node.reads_files = name != "c";
    graph.Add(std::move(node));
  }
  const RankTraits blind{.host = 1, .numerics = {kCpu}, .reads_files = false};
  Scheduler scheduler = Make(graph, {blind, cpu_});
  EXPECT_THAT(
      GiveAll(scheduler),
      UnorderedElementsAre(std::pair(0, 1), std::pair(1, 1), std::pair(2, 0)));
}

TEST_F(SuitedRanksTest, ATaskGoesOnlyToARankThatOffersItsNumerics) {
  const TaskGraph graph = testing::MakeGraph(
      {OnGpu("a", 9), OnGpu("b", 8), OnGpu("c", 7), {"plain", 1}});
  Scheduler scheduler = Make(graph, {cpu_, gpu_, cpu_});
  // Two wait at the rank with the GPU; what any rank can do is not held up.
  EXPECT_THAT(GiveAll(scheduler),
              ElementsAre(std::pair(0, 1), std::pair(1, 1), std::pair(3, 0)));
  Finish(scheduler, 0, 1);
  EXPECT_THAT(GiveAll(scheduler), ElementsAre(std::pair(2, 1)));
}

TEST_F(SuitedRanksTest, ATaskThatNobodyOffersIsNamed) {
  const TaskGraph graph = testing::MakeGraph({{"plain", 1}, OnGpu("a", 9)});
  EXPECT_EQ(Make(graph, {cpu_, cpu_}).FirstUnsuited(), 1);
  EXPECT_EQ(Make(graph, {cpu_, gpu_}).FirstUnsuited(), std::nullopt);
}

TEST_F(SuitedRanksTest, WithoutItsLastRankTheRestIsHelplessOnceNothingRuns) {
  const TaskGraph graph = testing::MakeGraph({OnGpu("a", 9), {"plain", 1}});
  Scheduler scheduler = Make(graph, {cpu_, gpu_});
  EXPECT_THAT(GiveAll(scheduler),
              ElementsAre(std::pair(0, 1), std::pair(1, 0)));
  scheduler.RankLost(1);
  EXPECT_THAT(GiveAll(scheduler), ElementsAre());
  EXPECT_FALSE(scheduler.helpless());
  Finish(scheduler, 1, 0);
  EXPECT_TRUE(scheduler.helpless());
  EXPECT_FALSE(scheduler.finished());
}

TEST_F(SuitedRanksTest, OnlyWhatAnIdleRankCanDoIsRecalledForIt) {
  const TaskGraph graph =
      testing::MakeGraph({OnGpu("a", 9), OnGpu("b", 8), {"plain", 20}});
  Scheduler scheduler = Make(graph, {gpu_, cpu_});
  ASSERT_THAT(GiveAll(scheduler),
              UnorderedElementsAre(std::pair(2, 0), std::pair(0, 0)));
  EXPECT_EQ(scheduler.NextRecall(), std::nullopt);
}

TEST_F(SuitedRanksTest, ATaskOfSeveralRanksTakesThoseThatCan) {
  TaskGraph graph;
  TaskNode node;
  node.key = DigestOf(std::string_view("a"));
  node.numerics = kGpu;
  node.ranks = 4;
  graph.Add(node);
  RankTraits other = gpu_;
  other.gpu = 1;
  Scheduler scheduler = Make(graph, {cpu_, gpu_, cpu_, other});
  EXPECT_THAT(scheduler.Next(0)->ranks, ElementsAre(1, 3));
}

TEST_F(SuitedRanksTest, ItIsRetriedAloneOnAHostThatOffersIt) {
  const TaskGraph graph = testing::MakeGraph({OnGpu("a", 9)});
  RankTraits far = gpu_;
  far.host = 1;
  RankTraits beside = cpu_;
  beside.host = 1;
  Scheduler scheduler = Make(graph, {cpu_, beside, far});
  const Assignment first = *scheduler.Next(0);
  ASSERT_THAT(first.ranks, ElementsAre(2));
  scheduler.OutOfMemory(2, 0, first.attempt, 0);
  EXPECT_THAT(scheduler.Next(0)->ranks, ElementsAre(2));
}

// Four ranks share a GPU of 80 GB.
class SharedGpuTest : public SuitedRanksTest {
 protected:
  const std::vector<RankTraits> ranks_ = std::vector(4, gpu_);
  static constexpr std::int64_t kDevice = 80 * kGigabyte;
};

TEST_F(SharedGpuTest, WhatIsNotMeasuredHasTheDeviceToItself) {
  const TaskGraph graph = testing::MakeGraph(
      {OnGpu("a", 9), OnGpu("b", 9), OnGpu("c", 9), {"plain", 1}});
  Scheduler scheduler = Make(graph, ranks_);
  // The second one waits where the first one runs.
  EXPECT_THAT(GiveAll(scheduler),
              ElementsAre(std::pair(0, 0), std::pair(1, 0), std::pair(3, 1)));
}

TEST_F(SharedGpuTest, AsManyRunAtOnceAsFit) {
  const TaskGraph graph =
      testing::MakeGraph({OnGpu("a", 9), OnGpu("b", 9), OnGpu("c", 9),
                          OnGpu("d", 9), OnGpu("e", 9)});
  Scheduler scheduler = Make(graph, ranks_);
  ASSERT_THAT(GiveAll(scheduler),
              ElementsAre(std::pair(0, 0), std::pair(1, 0)));
  // 30 + 30 fit into nine tenths of 80, a third 30 does not.
  Finish(scheduler, 0, 0, 30 * kGigabyte, kDevice);
  EXPECT_THAT(GiveAll(scheduler),
              ElementsAre(std::pair(2, 1), std::pair(3, 0), std::pair(4, 1)));
}

TEST_F(SharedGpuTest, EachBaseIsMeasuredByItself) {
  const TaskGraph graph =
      testing::MakeGraph({OnGpu("big", 9, "big"), OnGpu("a", 8, "small"),
                          OnGpu("b", 7, "small"), OnGpu("c", 6, "small")});
  Scheduler scheduler = Make(graph, ranks_);
  ASSERT_THAT(GiveAll(scheduler),
              ElementsAre(std::pair(0, 0), std::pair(1, 0)));
  Finish(scheduler, 0, 0, 60 * kGigabyte, kDevice);
  // What the big one needed says nothing of the small ones.
  ASSERT_THAT(GiveAll(scheduler), ElementsAre(std::pair(2, 0)));
  Finish(scheduler, 1, 0, 10 * kGigabyte, kDevice);
  EXPECT_THAT(GiveAll(scheduler), ElementsAre(std::pair(3, 1)));
}

TEST_F(SharedGpuTest, NothingLessUrgentTakesTheMemoryThatAnUrgentTaskWaitsFor) {
  const TaskGraph graph = testing::MakeGraph({OnGpu("a", 20, "small"),
                                              OnGpu("b", 19, "small"),
                                              OnGpu("big", 9, "big"),
                                              OnGpu("c", 1, "small"),
                                              {"plain", 0.5}});
  Scheduler scheduler = Make(graph, ranks_);
  ASSERT_THAT(GiveAll(scheduler),
              ElementsAre(std::pair(0, 0), std::pair(1, 0), std::pair(4, 1)));
  Finish(scheduler, 0, 0, 10 * kGigabyte, kDevice);
  // "c" would fit beside "b"; then "big" might wait for ever.
  EXPECT_THAT(GiveAll(scheduler), ElementsAre(std::pair(2, 0)));
}

TEST_F(SharedGpuTest, TheUsersWordIsTakenForTheMemory) {
  const TaskGraph graph = testing::MakeGraph({OnGpu("a", 9), OnGpu("b", 9)});
  Scheduler scheduler = Make(graph, ranks_, 1 * kGigabyte);
  // How much the device has is known from the first task.
  ASSERT_THAT(GiveAll(scheduler),
              ElementsAre(std::pair(0, 0), std::pair(1, 0)));
}

TEST_F(SharedGpuTest, RanksOfOneHostShareItsMemoryWhereTheUserSaysHowMuch) {
  RankTraits rank = cpu_;
  rank.host_bytes = 16 * kGigabyte;
  TaskGraph graph = testing::MakeGraph({{"a", 9, {}, "features", kCpu},
                                        {"b", 9, {}, "features", kCpu},
                                        {"c", 9, {}, "features", kCpu}});
  Scheduler free = Make(graph, std::vector(3, rank));
  EXPECT_THAT(GiveAll(free),
              ElementsAre(std::pair(0, 0), std::pair(1, 1), std::pair(2, 2)));
  Scheduler told = Make(graph, std::vector(3, rank), 7 * kGigabyte);
  EXPECT_THAT(GiveAll(told),
              ElementsAre(std::pair(0, 0), std::pair(1, 1), std::pair(2, 0)));
}

TEST_F(SharedGpuTest, ADeadRanksMemoryIsFree) {
  const TaskGraph graph = testing::MakeGraph({OnGpu("a", 9)});
  Scheduler scheduler = Make(graph, ranks_);
  ASSERT_THAT(GiveAll(scheduler), ElementsAre(std::pair(0, 0)));
  scheduler.RankLost(0);
  EXPECT_THAT(GiveAll(scheduler), ElementsAre(std::pair(0, 1)));
}

}  // namespace
}  // namespace besom::run
