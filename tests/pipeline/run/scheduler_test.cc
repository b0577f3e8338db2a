#include "pipeline/run/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

//   data[1] -- split[1] --+-- tune_a[9] -- eval_a[1]
//                         +-- tune_b[2] -- eval_b[1]
class SchedulerTest : public ::testing::Test {
 protected:
  enum : TaskId { kData, kSplit, kTuneA, kTuneB, kEvalA, kEvalB };

  Scheduler Make(const std::vector<TaskId>& done,
                 const std::vector<TaskId>& targets, int retries = 0) {
    std::vector<bool> flags(graph_.size());
    for (const TaskId task : done) flags[task] = true;
    return Scheduler(graph_, flags, targets, retries);
  }
  static TaskId RunNext(Scheduler& scheduler) {
    const TaskId task = scheduler.Next(0).value();
    scheduler.MarkDone(task);
    return task;
  }

  const TaskGraph graph_ = testing::MakeGraph({{"data", 1, {}},
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

TEST_F(SchedulerTest, NothingIsReadyBeforeItsInputsAreDone) {
  Scheduler scheduler = Make({}, {kEvalA});
  EXPECT_EQ(scheduler.Next(0), kData);
  EXPECT_EQ(scheduler.Next(1), std::nullopt);
  EXPECT_FALSE(scheduler.finished());
  scheduler.MarkDone(kData);
  EXPECT_EQ(scheduler.Next(1), kSplit);
  EXPECT_THAT(scheduler.RunningOn(1), ElementsAre(kSplit));
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
  const TaskId tune_a = scheduler.Next(0).value();
  EXPECT_THAT(scheduler.MarkFailed(tune_a, /*may_retry=*/false),
              ElementsAre(kTuneA, kEvalA));
  EXPECT_EQ(scheduler.state(kEvalA), TaskState::kSkipped);
  EXPECT_EQ(RunNext(scheduler), kTuneB);
  EXPECT_EQ(RunNext(scheduler), kEvalB);
  EXPECT_TRUE(scheduler.finished());
}

TEST_F(SchedulerTest, ATaskIsRetriedAsOftenAsAllowed) {
  Scheduler scheduler = Make({kData, kSplit, kTuneB, kEvalB}, {kEvalA}, 2);
  for (int retry = 0; retry < 2; ++retry) {
    ASSERT_EQ(scheduler.Next(0), kTuneA);
    EXPECT_THAT(scheduler.MarkFailed(kTuneA, true), IsEmpty());
  }
  ASSERT_EQ(scheduler.Next(0), kTuneA);
  EXPECT_THAT(scheduler.MarkFailed(kTuneA, true), ElementsAre(kTuneA, kEvalA));
  EXPECT_TRUE(scheduler.finished());
}

TEST_F(SchedulerTest, ALostTaskGoesBackWithoutCountingAsRetry) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA}, 0);
  ASSERT_EQ(scheduler.Next(3), kTuneA);
  scheduler.PutBack(kTuneA);
  EXPECT_THAT(scheduler.RunningOn(3), IsEmpty());
  EXPECT_EQ(scheduler.Next(0), kTuneA);
}

TEST_F(SchedulerTest, AStoppedSchedulerEndsWithWhatRuns) {
  Scheduler scheduler = Make({kData, kSplit}, {kEvalA, kEvalB});
  ASSERT_EQ(scheduler.Next(0), kTuneA);
  scheduler.Stop();
  EXPECT_EQ(scheduler.Next(1), std::nullopt);
  EXPECT_FALSE(scheduler.finished());
  scheduler.MarkDone(kTuneA);
  EXPECT_EQ(scheduler.Next(1), std::nullopt);
  EXPECT_TRUE(scheduler.finished());
}

}  // namespace
}  // namespace besom::run
