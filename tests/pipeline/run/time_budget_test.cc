#include "pipeline/run/time_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_forecast.h"
#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

using Fit = TimeBudget::Fit;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Now is 0; after the margin 100 seconds are left.
class TimeBudgetTest : public ::testing::Test {
 protected:
  enum : TaskId { kSplit, kFeatures, kHeadA, kHeadB, kUnfrozen, kUnknown };
  static constexpr double kLeft = 100;
  /// The longest prediction that fits.
  static constexpr double kFitting = kLeft / TimeBudget::kCaution;

  TimeBudgetTest() {
    graph_ = testing::MakeGraph({{"split", 1, {}, "split"},
                                 {"features", 1, {}, "features"},
                                 {"a", 1, {}, "fine_tune", "", "", 0},
                                 {"b", 1, {}, "fine_tune", "", "", 0},
                                 {"unfrozen", 1, {}, "fine_tune"},
                                 {"unknown", 1, {}, "evaluate"}});
    TaskNode many = graph_[kUnfrozen];
    many.key = DigestOf(std::string_view("many epochs"));
    many.units = 50;
    many_epochs_ = graph_.Add(many);
    options_.ends_at = kLeft + TimeBudget::kMargin;
    options_.ranks = 2;
  }
  TimeBudget Make() { return {graph_, forecast_, options_}; }
  /// A queue of rank 0: one bundle after another.
  static RankQueue Queue(const std::vector<std::vector<TaskId>>& bundles) {
    RankQueue queue;
    std::int64_t number = 0;
    for (const auto& bundle : bundles) {
      ++number;
      for (const TaskId task : bundle) queue.held.push_back({task, 1, number});
    }
    return queue;
  }
  /// Of the last task of these bundles.
  Fit Judge(const TimeBudget& budget,
            const std::vector<std::vector<TaskId>>& bundles, double now = 0,
            std::vector<int> ranks = {0}) {
    const RankQueue queue = Queue(bundles);
    return budget.Judge(
        {queue.held.back().task, 1, std::move(ranks), queue.held.back().bundle},
        queue, now);
  }

  TaskGraph graph_;
  TaskId many_epochs_ = 0;
  testing::FakeForecast forecast_;
  TimeBudgetOptions options_;
};

TEST_F(TimeBudgetTest, WhatEndsInTimeFitsAndWhatDoesNotIsTooLong) {
  const TimeBudget budget = Make();
  forecast_.seconds[kSplit] = kFitting - 1;
  EXPECT_EQ(Judge(budget, {{kSplit}}), Fit::kFits);
  EXPECT_EQ(Judge(budget, {{kSplit}}, /*now=*/2), Fit::kTooLong);
  forecast_.seconds[kSplit] = kFitting + 1;
  EXPECT_EQ(Judge(budget, {{kSplit}}), Fit::kTooLong);
}

TEST_F(TimeBudgetTest, WhatNobodyKnowsFitsUntilWorkStops) {
  const TimeBudget budget = Make();
  EXPECT_EQ(Judge(budget, {{kUnknown}}), Fit::kFits);
  EXPECT_EQ(Judge(budget, {{kUnknown}}, kLeft - 1), Fit::kFits);
  EXPECT_EQ(Judge(budget, {{kUnknown}}, kLeft), Fit::kTooLong);
}

TEST_F(TimeBudgetTest, ThreadsAndRanksShareATask) {
  options_.threads = 4;
  const TimeBudget budget = Make();
  forecast_.seconds = {{kFeatures, 4 * kFitting - 1},
                       {kSplit, 4 * kFitting - 1},
                       {kUnfrozen, 7 * kFitting}};
  EXPECT_EQ(Judge(budget, {{kFeatures}}), Fit::kFits);
  EXPECT_EQ(Judge(budget, {{kSplit}}), Fit::kTooLong);
  options_.checkpoint_seconds = 0;
  EXPECT_EQ(Judge(Make(), {{kUnfrozen}}), Fit::kTooLong);
  EXPECT_EQ(Judge(Make(), {{kUnfrozen}}, 0, {0, 1}), Fit::kFits);
}

TEST_F(TimeBudgetTest, AHeadTakesOneThreadHoweverManyThereAre) {
  options_.threads = 2;
  options_.checkpoint_seconds = 0;
  const TimeBudget budget = Make();
  forecast_.seconds = {{kHeadA, kFitting - 1}, {kHeadB, kFitting - 1}};
  EXPECT_EQ(Judge(budget, {{kHeadA, kHeadB}}), Fit::kFits);
  forecast_.seconds[kHeadA] = kFitting + 1;
  EXPECT_EQ(Judge(budget, {{kHeadA}}), Fit::kTooLong);
}

TEST_F(TimeBudgetTest, AHeadJoinsACallThatEndsWithItOnly) {
  const TimeBudget budget = Make();
  forecast_.seconds = {{kHeadA, kFitting - 1}, {kHeadB, 2}};
  EXPECT_EQ(Judge(budget, {{kHeadA}}), Fit::kFits);
  EXPECT_EQ(Judge(budget, {{kHeadA, kHeadB}}), Fit::kNotInThisCall);
}

TEST_F(TimeBudgetTest, AFitStartsWhenAnEpochOrItsFirstCheckpointFits) {
  forecast_.seconds[many_epochs_] = 50 * (kFitting - 1);
  options_.checkpoint_seconds = 1000;
  EXPECT_EQ(Judge(Make(), {{many_epochs_}}), Fit::kFits);
  forecast_.seconds[many_epochs_] = 50 * (kFitting + 1);
  EXPECT_EQ(Judge(Make(), {{many_epochs_}}), Fit::kTooLong);
  options_.checkpoint_seconds = kLeft - 1;
  EXPECT_EQ(Judge(Make(), {{many_epochs_}}), Fit::kFits);
  // After each epoch.
  options_.checkpoint_seconds = 0;
  EXPECT_EQ(Judge(Make(), {{many_epochs_}}), Fit::kTooLong);
}

TEST_F(TimeBudgetTest, WhatWouldWaitTooLongNeedsAnIdleRank) {
  TimeBudget budget = Make();
  forecast_.seconds = {{kFeatures, 60}, {kSplit, kFitting - 10}};
  budget.Watch(0, Queue({{kFeatures}}), 0);
  EXPECT_EQ(Judge(budget, {{kFeatures}, {kSplit}}), Fit::kNotQueued);
  EXPECT_EQ(Judge(budget, {{kSplit}}), Fit::kFits);
  forecast_.seconds[kSplit] = 10;
  EXPECT_EQ(Judge(budget, {{kFeatures}, {kSplit}}), Fit::kFits);
}

TEST_F(TimeBudgetTest, WhatRunsEndsByItsPredictionUntilItsProgressTells) {
  TimeBudget budget = Make();
  const RankQueue queue = Queue({{kUnfrozen}});
  budget.Watch(0, queue, 0);
  EXPECT_FALSE(budget.WillEnd(0, queue, 1)) << "nobody knows";
  forecast_.seconds[kUnfrozen] = 60;
  EXPECT_TRUE(budget.WillEnd(0, queue, 1));
  EXPECT_FALSE(budget.WillEnd(0, queue, kLeft - 1));
  // From a checkpoint at a half; a hundredth a second from there on.
  budget.Progress(0, 0.5, 10);
  budget.Progress(0, 0.6, 20);
  EXPECT_TRUE(budget.WillEnd(0, queue, 20)) << "40 s of the 80 that are left";
  budget.Progress(0, 0.61, 30);
  EXPECT_FALSE(budget.WillEnd(0, queue, 30)) << "71 s of 70";
}

TEST_F(TimeBudgetTest, AnotherCallHasAPaceOfItsOwn) {
  TimeBudget budget = Make();
  forecast_.seconds = {{kUnfrozen, 10}, {kFeatures, 200}};
  budget.Watch(0, Queue({{kUnfrozen}, {kFeatures}}), 0);
  budget.Progress(0, 0.1, 1);
  budget.Progress(0, 0.9, 9);
  RankQueue queue = Queue({{kUnfrozen}, {kFeatures}});
  queue.held.erase(queue.held.begin());
  budget.Watch(0, queue, 10);
  EXPECT_FALSE(budget.WillEnd(0, queue, 11));
  EXPECT_TRUE(budget.WillEnd(1, RankQueue(), 11)) << "it computes nothing";
}

TEST_F(TimeBudgetTest, WhatTurnsOutToBeShorterIsLetGo) {
  TimeBudget budget = Make();
  forecast_.seconds = {{kFeatures, 500}, {kSplit, 500}};
  budget.HoldBack(kFeatures);
  budget.HoldBack(kSplit);
  TaskReport report;
  report.task = kHeadA;
  budget.Learn(report);
  EXPECT_THAT(budget.LetGo(0), IsEmpty());
  forecast_.learns[kHeadA] = {{kFeatures, 5}};
  budget.Learn(report);
  EXPECT_THAT(budget.LetGo(0), ElementsAre(kFeatures));
  EXPECT_THAT(budget.LetGo(0), IsEmpty());
}

}  // namespace
}  // namespace besom::run
