#include "pipeline/run/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

//   data[1] -- split[1] --+-- tune_a[9] -- eval_a[1]
//                         +-- tune_b[2] -- eval_b[1]
class SchedulerTest : public ::testing::Test {
 protected:
  enum : TaskId { kData, kSplit, kTuneA, kTuneB, kEvalA, kEvalB };

  Scheduler Make(const std::vector<TaskId>& done,
                 const std::vector<TaskId>& targets, int ranks = 1,
                 int retries = 0) {
    std::vector<bool> flags(graph_.size());
    for (const TaskId task : done) flags[task] = true;
    SchedulerOptions options;
    options.ranks.resize(static_cast<std::size_t>(ranks));
    options.max_retries = retries;
    return Scheduler(graph_, flags, targets, std::move(options));
  }
  Assignment Next(Scheduler& scheduler, double now = 0) {
    return scheduler.Next(now).value();
  }
  TaskId RunNext(Scheduler& scheduler) {
    const Assignment given = Next(scheduler);
    EXPECT_EQ(scheduler.Done(given.ranks[0], given.task, given.attempt, 0),
              Verdict::kCounts);
    return given.task;
  }

  TaskGraph graph_ = testing::MakeGraph({{"data", 1, {}},
                                         {"split", 1, {"data"}},
                                         {"tune_a", 9, {"split"}},
                                         {"tune_b", 2, {"split"}},
                                         {"eval_a", 1, {"tune_a"}},
                                         {"eval_b", 1, {"tune_b"}}});
};

TEST_F(SchedulerTest, LongestRemainingPathRunsFirst) {
  Scheduler scheduler = Make({}, {kEvalA, kEvalB});
  std::vector<TaskId> order;
  while (!scheduler.finished()) order.push_back(RunNext(scheduler));
  EXPECT_THAT(order,
              ElementsAre(kData, kSplit, kTuneA, kTuneB, kEvalA, kEvalB));
}

TEST_F(SchedulerTest, NothingStartsBeforeItsInputsAreDone) {
  Scheduler scheduler = Make({}, {kEvalA}, 2);
  const Assignment data = Next(scheduler);
  EXPECT_EQ(data.task, kData);
  EXPECT_EQ(scheduler.Next(0), std::nullopt);
  EXPECT_FALSE(scheduler.finished());
  scheduler.Done(data.ranks[0], kData, data.attempt, 0);
  EXPECT_EQ(Next(scheduler).task, kSplit);
}

TEST_F(SchedulerTest, WhatIsDoneNeedsNoInputsAndWhatNobodyWantsDoesNotRun) {
  // eval_a is there, tune_a is not: nobody needs tune_a.
  Scheduler scheduler = Make({kEvalA, kSplit}, {kEvalA, kEvalB});
  EXPECT_EQ(scheduler.state(kTuneA), TaskState::kUnneeded);
  EXPECT_EQ(scheduler.state(kData), TaskState::kUnneeded);
  EXPECT_EQ(RunNext(scheduler), kTuneB);
  EXPECT_EQ(RunNext(scheduler), kEvalB);
  EXPECT_TRUE(scheduler.finished());
}

TEST_F(SchedulerTest, FailedTaskSkipsItsReadersAndNothingElse) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA, kEvalB});
  const Assignment tune = Next(scheduler);
  const auto failure =
      scheduler.Failed(0, tune.task, tune.attempt, /*may_pass=*/false, 0);
  EXPECT_THAT(failure.ended, ElementsAre(kTuneA, kEvalA));
  EXPECT_EQ(scheduler.state(kEvalA), TaskState::kSkipped);
  EXPECT_EQ(RunNext(scheduler), kTuneB);
  EXPECT_EQ(RunNext(scheduler), kEvalB);
  EXPECT_TRUE(scheduler.finished());
}

TEST_F(SchedulerTest, ATaskIsRetriedAsOftenAsAllowed) {
  Scheduler scheduler =
      Make({kData, kSplit, kTuneB, kEvalB}, {kEvalA}, /*ranks=*/1, 2);
  for (int retry = 0; retry < 2; ++retry) {
    const Assignment tune = Next(scheduler);
    EXPECT_EQ(tune.attempt, retry + 1);
    EXPECT_THAT(scheduler.Failed(0, kTuneA, tune.attempt, true, 0).ended,
                IsEmpty());
  }
  const Assignment last = Next(scheduler);
  EXPECT_THAT(scheduler.Failed(0, kTuneA, last.attempt, true, 0).ended,
              ElementsAre(kTuneA, kEvalA));
  EXPECT_TRUE(scheduler.finished());
}

TEST_F(SchedulerTest, ATaskThatLosesItsRanksIsGivenUpAtLast) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA}, 3, /*retries=*/1);
  Assignment tune = Next(scheduler);
  EXPECT_THAT(scheduler.RankLost(tune.ranks[0]).running, ElementsAre(kTuneA));
  tune = Next(scheduler);
  EXPECT_THAT(scheduler.RankLost(tune.ranks[0]).ended,
              ElementsAre(kTuneA, kEvalA));
}

TEST_F(SchedulerTest, AStoppedSchedulerEndsWithWhatRuns) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA, kEvalB}, 2);
  const Assignment tune = Next(scheduler);
  scheduler.Stop();
  EXPECT_EQ(scheduler.Next(0), std::nullopt);
  EXPECT_FALSE(scheduler.finished());
  scheduler.Done(tune.ranks[0], tune.task, tune.attempt, 0);
  EXPECT_EQ(scheduler.Next(0), std::nullopt);
  EXPECT_TRUE(scheduler.finished());
}

TEST_F(SchedulerTest, TheNextTaskIsThereBeforeTheFirstEnds) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA, kEvalB});
  const Assignment first = Next(scheduler), second = Next(scheduler);
  EXPECT_EQ(first.task, kTuneA);
  EXPECT_EQ(second.task, kTuneB);
  EXPECT_EQ(second.ranks, first.ranks);
}

TEST_F(SchedulerTest, IdleRanksComeBeforeAFullQueue) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA, kEvalB}, 2);
  EXPECT_NE(Next(scheduler).ranks, Next(scheduler).ranks);
}

TEST_F(SchedulerTest, AnIdleRankGetsWhatABusyOneHasNotBegun) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA, kEvalB}, 2);
  // Rank 1 is silent for a moment, so that rank 0 holds both tasks.
  const Assignment a = Next(scheduler), b = Next(scheduler);
  ASSERT_NE(a.ranks, b.ranks);
  scheduler.Done(b.ranks[0], b.task, b.attempt, 0);
  const Assignment eval_b = Next(scheduler);
  EXPECT_EQ(eval_b.ranks, b.ranks);
  EXPECT_EQ(scheduler.NextRecall(), std::nullopt);  // Nothing is queued.
}

TEST_F(SchedulerTest, ARecalledTaskGoesToTheIdleRank) {
  const TaskGraph wide = testing::MakeGraph(
      {{"a", 5, {}}, {"b", 4, {}}, {"c", 3, {}}, {"d", 3, {}}});
  SchedulerOptions options;
  options.ranks.resize(2);
  Scheduler scheduler(wide, std::vector<bool>(4), {0, 1, 2, 3}, options);
  const Assignment a = Next(scheduler), b = Next(scheduler),
                   c = Next(scheduler), d = Next(scheduler);
  ASSERT_EQ(c.ranks, a.ranks);
  ASSERT_EQ(d.ranks, b.ranks);
  EXPECT_EQ(scheduler.NextRecall(), std::nullopt);  // No rank is idle.
  scheduler.Done(1, b.task, b.attempt, 0);
  scheduler.Done(1, d.task, d.attempt, 0);
  const Assignment back = scheduler.NextRecall().value();
  EXPECT_EQ(back.task, c.task);
  EXPECT_EQ(back.ranks, c.ranks);
  EXPECT_EQ(scheduler.NextRecall(), std::nullopt);  // One for one rank.
  EXPECT_EQ(scheduler.Returned(0, c.task, c.attempt, 0).verdict,
            Verdict::kCounts);
  const Assignment again = Next(scheduler);
  EXPECT_EQ(again.task, c.task);
  EXPECT_THAT(again.ranks, ElementsAre(1));
}

TEST_F(SchedulerTest, ATaskRunsWhereItsInputsWereMade) {
  const TaskGraph pairs = testing::MakeGraph({{"a", 1, {}},
                                              {"b", 1, {}},
                                              {"after_a", 1, {"a"}},
                                              {"after_b", 1, {"b"}}});
  SchedulerOptions options;
  options.ranks.resize(2);
  Scheduler scheduler(pairs, std::vector<bool>(4), {2, 3}, options);
  const Assignment a = Next(scheduler), b = Next(scheduler);
  // In the other order, so that the first ready task is not the first rank's.
  scheduler.Done(b.ranks[0], b.task, b.attempt, 0);
  scheduler.Done(a.ranks[0], a.task, a.attempt, 0);
  for (int i = 0; i < 2; ++i) {
    const Assignment next = Next(scheduler);
    EXPECT_EQ(next.ranks, next.task == 2 ? a.ranks : b.ranks);
  }
}

TEST_F(SchedulerTest, ASilentRankLosesItsTaskAndItsLateAnswerCounts) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA}, 2);
  const Assignment first = Next(scheduler, 0);
  EXPECT_THAT(scheduler.Expire(59).ranks, IsEmpty());
  scheduler.Renew(first.ranks[0], kTuneA, first.attempt, 59);
  EXPECT_THAT(scheduler.Expire(100).ranks, IsEmpty());
  // Ten predicted units of nine seconds are longer than the lease of 60.
  const auto expiry = scheduler.Expire(150);
  EXPECT_EQ(expiry.ranks, first.ranks);
  EXPECT_THAT(expiry.running, ElementsAre(kTuneA));
  const Assignment second = Next(scheduler, 150);
  EXPECT_NE(second.ranks, first.ranks);
  EXPECT_EQ(second.attempt, 2);
  EXPECT_EQ(scheduler.Done(first.ranks[0], kTuneA, first.attempt, 200),
            Verdict::kCounts);
  EXPECT_EQ(scheduler.Done(second.ranks[0], kTuneA, second.attempt, 210),
            Verdict::kRepeated);
  EXPECT_EQ(scheduler.state(kEvalA), TaskState::kReady);
}

TEST_F(SchedulerTest, ALeaseDoublesEachTimeItIsOver) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA}, 3);
  Next(scheduler, 0);
  ASSERT_THAT(scheduler.Expire(91).ranks, ::testing::SizeIs(1));
  Next(scheduler, 100);
  EXPECT_THAT(scheduler.Expire(100 + 179).ranks, IsEmpty());
  EXPECT_THAT(scheduler.Expire(100 + 181).ranks, ::testing::SizeIs(1));
}

TEST_F(SchedulerTest, AStaleFailureChangesNothing) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA}, 2);
  const Assignment first = Next(scheduler, 0);
  scheduler.Expire(1000);
  const Assignment second = Next(scheduler, 1000);
  EXPECT_EQ(scheduler.Failed(first.ranks[0], kTuneA, first.attempt, false, 1001)
                .verdict,
            Verdict::kOutOfDate);
  EXPECT_EQ(scheduler.state(kTuneA), TaskState::kRunning);
  EXPECT_EQ(scheduler.Done(second.ranks[0], kTuneA, second.attempt, 1002),
            Verdict::kCounts);
}

TEST_F(SchedulerTest, AGroupOfRanksWaitsUntilAllAreIdle) {
  TaskGraph graph = testing::MakeGraph({{"small", 9, {}}});
  TaskNode group;
  group.key = DigestOf(std::string_view("group"));
  group.cost = 5;
  group.ranks = 2;
  graph.Add(group);
  SchedulerOptions options;
  options.ranks.resize(2);
  Scheduler scheduler(graph, std::vector<bool>(2), {0, 1}, options);
  const Assignment small = Next(scheduler);
  EXPECT_EQ(scheduler.Next(0), std::nullopt);
  scheduler.Done(small.ranks[0], small.task, small.attempt, 0);
  const Assignment together = Next(scheduler);
  EXPECT_THAT(together.ranks, UnorderedElementsAre(0, 1));
  // Only the leader's report decides.
  EXPECT_EQ(scheduler.Done(together.ranks[1], 1, together.attempt, 0),
            Verdict::kOutOfDate);
  EXPECT_EQ(scheduler.Done(together.ranks[0], 1, together.attempt, 0),
            Verdict::kCounts);
  EXPECT_TRUE(scheduler.finished());
}

TEST_F(SchedulerTest, FewerRanksThanAskedForComputeAGroupsTask) {
  TaskGraph graph;
  TaskNode group;
  group.key = DigestOf(std::string_view("group"));
  group.ranks = 4;
  graph.Add(group);
  SchedulerOptions options;
  options.ranks.resize(3);
  options.max_retries = 3;
  Scheduler scheduler(graph, {false}, {0}, options);
  const Assignment three = Next(scheduler);
  EXPECT_THAT(three.ranks, ElementsAre(0, 1, 2));
  EXPECT_THAT(scheduler.RankLost(1).running, ElementsAre(0u));
  // The others find out, and only then are free.
  EXPECT_EQ(scheduler.Next(0), std::nullopt);
  scheduler.Failed(0, 0, three.attempt, true, 0);
  scheduler.Failed(2, 0, three.attempt, true, 0);
  EXPECT_THAT(Next(scheduler).ranks, ElementsAre(0, 2));
}

TEST_F(SchedulerTest, OutOfMemoryATaskGetsItsHostToItself) {
  const TaskGraph wide =
      testing::MakeGraph({{"big", 9, {}}, {"b", 5, {}}, {"c", 4, {}}});
  SchedulerOptions options;
  options.ranks.resize(2);
  Scheduler scheduler(wide, std::vector<bool>(3), {0, 1, 2}, options);
  const Assignment big = Next(scheduler), b = Next(scheduler),
                   c = Next(scheduler);
  ASSERT_EQ(big.task, 0u);
  ASSERT_EQ(c.ranks, big.ranks);
  EXPECT_THAT(scheduler.OutOfMemory(0, 0, big.attempt, 0).ended, IsEmpty());
  EXPECT_EQ(scheduler.Next(0), std::nullopt);
  scheduler.Done(b.ranks[0], b.task, b.attempt, 0);
  EXPECT_EQ(scheduler.Next(0), std::nullopt);
  scheduler.Done(c.ranks[0], c.task, c.attempt, 0);
  const Assignment alone = Next(scheduler);
  EXPECT_EQ(alone.task, 0u);
  EXPECT_THAT(alone.ranks, ::testing::SizeIs(1));
  scheduler.Done(alone.ranks[0], 0, alone.attempt, 0);
  EXPECT_TRUE(scheduler.finished());
}

TEST_F(SchedulerTest, OutOfMemoryAtAMemberCountsAfterTheLeadersReport) {
  TaskGraph graph;
  TaskNode group;
  group.key = DigestOf(std::string_view("group"));
  group.ranks = 2;
  graph.Add(group);
  SchedulerOptions options;
  options.ranks.resize(2);
  Scheduler scheduler(graph, {false}, {0}, options);
  const Assignment both = Next(scheduler);
  ASSERT_THAT(both.ranks, ElementsAre(0, 1));
  // Rank 1 has broken the group, and the leader's word of it comes first.
  scheduler.Failed(0, 0, both.attempt, true, 0);
  scheduler.OutOfMemory(1, 0, both.attempt, 0);
  EXPECT_THAT(Next(scheduler).ranks, ::testing::SizeIs(1));
}

TEST_F(SchedulerTest, WhatAnotherRunComputesIsTakenFromIt) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA, kEvalB});
  scheduler.Defer(Next(scheduler), TaskState::kElsewhere, 0);
  EXPECT_EQ(scheduler.state(kTuneA), TaskState::kElsewhere);
  EXPECT_EQ(RunNext(scheduler), kTuneB);
  EXPECT_EQ(RunNext(scheduler), kEvalB);
  EXPECT_FALSE(scheduler.finished());
  scheduler.DoneElsewhere(kTuneA);
  EXPECT_EQ(RunNext(scheduler), kEvalA);
  EXPECT_TRUE(scheduler.finished());
}

TEST_F(SchedulerTest, OutputsThatAreGoneAreMadeAgainWithWhatTheyNeed) {
  Scheduler scheduler = Make({kSplit}, {kEvalA}, 1, /*retries=*/1);
  const Assignment tune = Next(scheduler);
  ASSERT_EQ(tune.task, kTuneA);
  // split is gone, and data, which it needs, was never there.
  EXPECT_TRUE(scheduler.Reopen(kSplit));
  scheduler.Failed(0, kTuneA, tune.attempt, true, 0);
  std::vector<TaskId> order;
  while (!scheduler.finished()) order.push_back(RunNext(scheduler));
  EXPECT_THAT(order, ElementsAre(kData, kSplit, kTuneA, kEvalA));
}

}  // namespace
}  // namespace besom::run
