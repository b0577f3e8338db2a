// A run whose job ends: what is started, and how it stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/run/coordinator.h"
#include "tests/fakes/fake_claims.h"
#include "tests/fakes/fake_forecast.h"
#include "tests/fakes/manual_clock.h"
#include "tests/fakes/memory_sink.h"
#include "tests/fakes/small_graph.h"
#include "tests/fakes/timed_executor.h"

namespace besom::run {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

//  split --+-- long -- eval_long
//          +-- short -- eval_short
class TimeLimitTest : public ::testing::Test {
 protected:
  enum : TaskId { kSplit, kLong, kShort, kEvalLong, kEvalShort };

  TimeLimitTest() {
    sweep_.graph =
        testing::MakeGraph({{"split", 1, {}, "split"},
                            {"long", 50, {"split"}, "features"},
                            {"short", 5, {"split"}, "features"},
                            {"eval_long", 1, {"long"}, "evaluate"},
                            {"eval_short", 1, {"short"}, "evaluate"}});
    Predict();
  }
  void Predict() {
    for (TaskId task = 0; task < sweep_.graph.size(); ++task)
      forecast_.seconds[task] = sweep_.graph[task].cost;
  }
  /// The job ends so many seconds after work has to stop, which is in `left`.
  RunOutcome Run(double left, int ranks = 1) {
    executor_.emplace(clock_, ranks, [this](TaskId task) {
      const auto found = actual_.find(task);
      return found == actual_.end() ? sweep_.graph[task].cost : found->second;
    });
    executor_->hangs = hangs_;
    begin_ = clock_.now;
    for (const auto& [rank, after] : dies_)
      executor_->dies[rank] = begin_ + after;
    options_.ends_at = clock_.now + left + TimeBudget::kMargin;
    options_.ranks = ranks;
    TimeBudget budget(sweep_.graph, forecast_, options_);
    sink_.emplace(sweep_.graph.size(), sweep_.trials.size());
    sink_->at_commit = at_commit_;
    Recorder recorder(sweep_, *sink_, clock_);
    RunObserver observer;
    Coordinator coordinator(
        sweep_, *executor_, recorder, observer, clock_,
        [this] { return clock_.now - begin_ >= stop_after_ ? 1 : 0; }, limits_);
    coordinator.SetTimeBudget(&budget);
    coordinator.SetClaims(&claims_);
    return coordinator.Run(targets_).value();
  }
  double Passed() const { return clock_.now - begin_; }
  std::vector<TaskId> Done() const {
    std::vector<TaskId> done;
    for (const auto& [task, outcome] : sink_->attempts)
      if (outcome == "done") done.push_back(task);
    return done;
  }
  std::vector<std::string> Events() const {
    std::vector<std::string> kinds;
    for (const auto& [kind, text] : sink_->events) kinds.push_back(kind);
    return kinds;
  }

  std::vector<TaskId> targets_ = {kEvalLong, kEvalShort};
  testing::ManualClock clock_;
  SweepGraph sweep_;
  testing::FakeForecast forecast_;
  TimeBudgetOptions options_;
  CoordinatorOptions limits_;
  std::map<TaskId, double> actual_;  ///< Where not as predicted.
  std::set<int> hangs_;
  std::function<void()> at_commit_ = [] {};
  std::map<int, double> dies_;  ///< Ranks, and after how many seconds.
  testing::FakeClaims claims_{clock_};
  double stop_after_ = 1e9, begin_ = 0;
  std::optional<testing::TimedExecutor> executor_;
  std::optional<testing::MemorySink> sink_;
};

TEST_F(TimeLimitTest, AJobWithTimeEnoughComputesAll) {
  const RunOutcome outcome = Run(1000);
  EXPECT_FALSE(outcome.interrupted);
  EXPECT_EQ(outcome.tasks_run, 5u);
  EXPECT_THAT(Events(), IsEmpty());
}

TEST_F(TimeLimitTest, WhatDoesNotFitIsNotStartedAndTheRestIs) {
  const RunOutcome outcome = Run(40);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_THAT(Done(), ElementsAre(kSplit, kShort, kEvalShort));
  EXPECT_THAT(executor_->started, ::testing::Not(Contains(Key(kLong))));
  // At once when nothing else fits, and the time that is left is said.
  EXPECT_NEAR(Passed(), 7, 0.01);
  EXPECT_EQ(outcome.why, "2 tasks cannot finish before the job ends in 42 s");
  EXPECT_THAT(Events(), ElementsAre("held_back", "stopping"));
  EXPECT_EQ(sink_->committed, 3u);
}

TEST_F(TimeLimitTest, WhenNothingFitsTheRunEndsAtOnce) {
  actual_[kSplit] = forecast_.seconds[kSplit] = 100;
  const RunOutcome outcome = Run(40);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_THAT(executor_->started, IsEmpty());
  EXPECT_EQ(Passed(), 0);
  EXPECT_EQ(outcome.why, "5 tasks cannot finish before the job ends in 49 s");
}

TEST_F(TimeLimitTest, AFitThatWillNotEndRunsForItsCheckpoint) {
  sweep_.graph = testing::MakeGraph({{"split", 1, {}, "split"},
                                     {"long", 500, {"split"}, "fine_tune"},
                                     {"short", 5, {"split"}, "fine_tune"},
                                     {"eval_long", 1, {"long"}, "evaluate"},
                                     {"eval_short", 1, {"short"}, "evaluate"}});
  Predict();
  options_.checkpoint_seconds = 20;
  const RunOutcome outcome = Run(40, /*ranks=*/2);
  EXPECT_THAT(Done(), ElementsAre(kSplit, kShort, kEvalShort));
  EXPECT_THAT(sink_->attempts, Contains(Pair(kLong, "interrupted")));
  EXPECT_EQ(outcome.why, "the job's time is over");
  EXPECT_NEAR(Passed(), 40, 0.3);
  EXPECT_FALSE(outcome.abandoned);
  EXPECT_EQ(sink_->committed, 4u);
}

TEST_F(TimeLimitTest, WhatTakesLongerThanPredictedStopsInTime) {
  actual_[kLong] = 500;
  const RunOutcome outcome = Run(100);
  EXPECT_EQ(outcome.why, "the job's time is over");
  EXPECT_NEAR(Passed(), 100, 0.3);
  EXPECT_LT(clock_.now, options_.ends_at);
  EXPECT_FALSE(outcome.abandoned);
}

TEST_F(TimeLimitTest, ARankThatDoesNotStopIsLeftBehindBeforeTheJobEnds) {
  actual_[kLong] = 500;
  hangs_ = {0};
  const RunOutcome outcome = Run(100);
  EXPECT_TRUE(outcome.abandoned);
  EXPECT_LT(clock_.now, options_.ends_at - 3);
  EXPECT_EQ(sink_->committed, sink_->attempts.size());
}

TEST_F(TimeLimitTest, AskedToStopItEndsWhatFitsAndBeginsNothingMore) {
  stop_after_ = 3;
  const RunOutcome outcome = Run(100, /*ranks=*/2);
  EXPECT_EQ(outcome.why, "asked to stop");
  EXPECT_THAT(Done(), ElementsAre(kSplit, kShort, kLong));
  EXPECT_THAT(executor_->interrupted, IsEmpty());
  EXPECT_NEAR(Passed(), 51, 0.3);
}

TEST_F(TimeLimitTest, OnlyALimitOfTheSpecEndsTheSweepForGood) {
  stop_after_ = 3;
  Run(100);
  ASSERT_THAT(Events(), ElementsAre("stopping"));
  EXPECT_EQ(sink_->events[0].second["for_good"], false);
  stop_after_ = 1e9;
  limits_.time_limit = 3;
  EXPECT_EQ(Run(100).why, "limits.time is over");
  ASSERT_THAT(Events(), ElementsAre("stopping"));
  EXPECT_EQ(sink_->events[0].second["for_good"], true);
}

TEST_F(TimeLimitTest, AskedToStopItInterruptsWhatDoesNotFit) {
  actual_[kLong] = 400;  // Its progress tells.
  stop_after_ = 5;
  const RunOutcome outcome = Run(100, /*ranks=*/2);
  EXPECT_EQ(outcome.why, "asked to stop");
  EXPECT_THAT(Done(), UnorderedElementsAre(kSplit, kShort));
  ASSERT_THAT(executor_->interrupted, Contains(Key(0)));
  EXPECT_LT(executor_->interrupted[0] - begin_, 15);
  EXPECT_FALSE(outcome.abandoned);
}

TEST_F(TimeLimitTest, WhatWaitsBehindATaskThatEndsIsCalledBack) {
  stop_after_ = 3;
  Run(100);
  EXPECT_THAT(Done(), ElementsAre(kSplit, kLong));
  EXPECT_THAT(executor_->started, Contains(Key(kShort))) << "it was queued";
}

TEST_F(TimeLimitTest, WhatIsCalledBackIsFreeForOtherRunsAtOnce) {
  stop_after_ = 3;
  Run(100);
  ASSERT_THAT(claims_.released, ElementsAre(Key(kShort)));
  EXPECT_NEAR(claims_.released[kShort] - begin_, 3, 0.5);
}

TEST_F(TimeLimitTest, WhatIsHeldBackAfterALossIsFreeForOtherRunsAtOnce) {
  sweep_.graph = testing::MakeGraph({{"split", 1, {}, "split"},
                                     {"long", 50, {"split"}, "features"},
                                     {"short", 5, {"split"}, "features"},
                                     {"eval_long", 1, {"long"}, "evaluate"},
                                     {"eval_short", 1, {"short"}, "evaluate"},
                                     {"longer", 60, {"split"}, "features"}});
  Predict();
  targets_ = {kEvalLong, 5};
  dies_ = {{1, 40}};
  Run(80, /*ranks=*/2);
  EXPECT_THAT(Done(), ElementsAre(kSplit, 5));
  EXPECT_NEAR(Passed(), 61, 0.5);
  ASSERT_THAT(claims_.released, ElementsAre(Key(kLong)));
  EXPECT_NEAR(claims_.released[kLong] - begin_, 40, 0.5);
}

TEST_F(TimeLimitTest, NoRankIsSilentBecauseNobodyListened) {
  at_commit_ = [this] {
    if (executor_->started.contains(kLong) && Passed() < 50) {
      clock_.now += 2 * limits_.lease_seconds;
      executor_->says_nothing = true;
    }
  };
  Run(1000, /*ranks=*/2);
  EXPECT_GT(Passed(), 2 * limits_.lease_seconds);
  EXPECT_THAT(Events(), IsEmpty());
}

TEST_F(TimeLimitTest, WhatIsShorterThanItSeemedIsStartedAfterAll) {
  forecast_.seconds[kLong] = 500;
  forecast_.learns[kShort] = {{kLong, 10}};
  actual_[kLong] = 10;
  const RunOutcome outcome = Run(40);
  EXPECT_FALSE(outcome.interrupted);
  EXPECT_EQ(outcome.tasks_run, 5u);
  EXPECT_THAT(Events(), ElementsAre("held_back"));
}

TEST_F(TimeLimitTest, WhatDoesNotFitBehindABusyRankWaitsForAnother) {
  sweep_.graph = testing::MakeGraph({{"split", 1, {}, "split"},
                                     {"long", 40, {"split"}, "features"},
                                     {"short", 21, {"split"}, "features"},
                                     {"eval_long", 1, {"long"}, "evaluate"},
                                     {"eval_short", 1, {"short"}, "evaluate"},
                                     {"later", 20, {"split"}, "features"}});
  Predict();
  targets_.push_back(5);
  const RunOutcome outcome = Run(60, /*ranks=*/2);
  EXPECT_FALSE(outcome.interrupted);
  EXPECT_EQ(outcome.tasks_run, 6u);
  EXPECT_EQ(executor_->started[5] - begin_, 22);
}

}  // namespace
}  // namespace besom::run
