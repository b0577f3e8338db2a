#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using testing::Done;
using ::testing::ElementsAre;
using testing::Figures;
using ::testing::HasSubstr;
using testing::Lines;
using testing::SampleFit;
using testing::SampleSweep;
using testing::SampleTrial;
using testing::SampleTrialId;
using testing::ScratchFolder;

class RankingTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  std::unique_ptr<ResultsStore> store_ = *ResultsStore::Open(path_);
  SweepId sweep_ = 0;

  /// A sweep of one trial per element, all done, one fit each.
  void Rank(const std::vector<Figures>& trials,
            const SweepRow& sweep = SampleSweep()) {
    sweep_ = *store_->PutSweep(sweep);
    std::vector<TrialRow> rows;
    std::vector<FitRow> fits;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      rows.push_back(SampleTrial(static_cast<int>(i)));
      fits.push_back(SampleFit(rows.back().trial, trials[i]));
    }
    ASSERT_OK(store_->RegisterTrials(sweep_, rows));
    ASSERT_OK(store_->Commit(sweep_, Done(fits)));
  }
  /// "rank|last digits of the trial|ties|undecided" in the view's order.
  std::vector<std::string> Ranks() {
    return Lines(path_,
                 "SELECT rank, substr(trial, -2), ties, undecided "
                 "FROM leaderboard");
  }
};

TEST_F(RankingTest, MetricThenTheNextThenLossThenTrial) {
  Rank({{.recall = 0.5, .balanced_accuracy = 0.9, .loss = 0.1},
        {.recall = 0.8, .balanced_accuracy = 0.6, .loss = 0.5},
        {.recall = 0.8, .balanced_accuracy = 0.7, .loss = 0.9},
        {.recall = 0.8, .balanced_accuracy = 0.7, .loss = 0.8},
        {.recall = 0.8, .balanced_accuracy = 0.7, .loss = 0.8}});
  EXPECT_THAT(Ranks(), ElementsAre("1|03|3|1", "2|04|3|1", "3|02|3|0",
                                   "4|01|3|0", "5|00|0|0"));
}

TEST_F(RankingTest, AConstantClassifierDoesNotWin) {
  Rank({{.recall = 1.0, .balanced_accuracy = 0.5, .loss = 0.6},
        {.recall = 1.0, .balanced_accuracy = 0.9, .loss = 0.7}});
  EXPECT_THAT(Ranks(), ElementsAre("1|01|1|0", "2|00|1|0"));
}

TEST_F(RankingTest, AClassifierThatAlwaysSaysTheSameIsRankedLast) {
  Rank({{.recall = 1.0, .balanced_accuracy = 0.33, .predicted_classes = 1.0},
        {.recall = 0.9, .balanced_accuracy = 0.8, .predicted_classes = 3.0},
        {.recall = 0.7, .balanced_accuracy = 0.7, .predicted_classes = 2.0}});
  EXPECT_THAT(Ranks(), ElementsAre("1|01|0|0", "2|02|0|0", "3|00|0|0"));
}

TEST_F(RankingTest, TrialsThatMeetTheBoundsComeFirst) {
  SweepRow sweep = SampleSweep();
  sweep.bounds = {
      {"balanced_accuracy >= 0.6", "balanced_accuracy", "", true, 0.6},
      {"loss <= 1", "loss", "", false, 1}};
  Rank({{.recall = 0.9, .balanced_accuracy = 0.5, .loss = 0.5},
        {.recall = 0.7, .balanced_accuracy = 0.6, .loss = 1.0},
        {.recall = 0.8, .balanced_accuracy = 0.9, .loss = 0.1},
        {.recall = 1.0, .balanced_accuracy = 0.55, .loss = 1.5}},
       sweep);
  EXPECT_THAT(Ranks(),
              ElementsAre("1|02|0|0", "2|01|0|0", "3|00|0|0", "4|03|0|0"));
  EXPECT_THAT(Lines(path_, "SELECT round(violation, 6) FROM leaderboard"),
              ElementsAre("0", "0", "0.1", "0.55"));
}

TEST_F(RankingTest, WhereNoneMeetsThemTheSmallestViolationWins) {
  SweepRow sweep = SampleSweep();
  sweep.bounds = {{"recall/covid >= 0.95", "recall", "covid", true, 0.95}};
  Rank({{.recall = 0.5, .balanced_accuracy = 0.9},
        {.recall = 0.75, .balanced_accuracy = 0.5},
        {.recall = std::nullopt}},
       sweep);
  EXPECT_THAT(Ranks(),
              ElementsAre("1|01|0|0", "2|00|0|0", "NULL|02|NULL|NULL"));
}

TEST_F(RankingTest, WithoutBoundsThereIsNoViolation) {
  Rank({{.recall = 0.5}});
  EXPECT_THAT(Lines(path_, "SELECT violation, optimistic FROM leaderboard"),
              ElementsAre("NULL|0"));
}

TEST_F(RankingTest, TheFirstOfSeveralIsOptimistic) {
  Rank({{.recall = 0.5}, {.recall = 0.75}, {.recall = std::nullopt}});
  EXPECT_THAT(
      Lines(path_, "SELECT substr(trial, -2), optimistic FROM leaderboard"),
      ElementsAre("01|1", "00|0", "02|0"));
}

TEST_F(RankingTest, TheParetoFrontHoldsWhatNoOtherTrialBeats) {
  SweepRow sweep = SampleSweep();
  sweep.spec_json = R"({"evaluate":{"positive":"covid"}})";
  // (recall, specificity): two alike, one beaten in one, one in both.
  const std::vector<std::pair<double, double>> points = {
      {0.9, 0.5}, {0.9, 0.5}, {0.9, 0.4}, {0.7, 0.8}, {0.6, 0.7}, {0.5, 0.9}};
  std::vector<TrialRow> rows;
  std::vector<FitRow> fits;
  for (const auto& [recall, specificity] : points) {
    rows.push_back(SampleTrial(static_cast<int>(rows.size())));
    fits.push_back(SampleFit(rows.back().trial, {.recall = recall}));
    fits.back().sets[0].metrics.push_back(
        {"specificity", "covid", specificity});
  }
  const SweepId id = *store_->PutSweep(sweep);
  ASSERT_OK(store_->RegisterTrials(id, rows));
  ASSERT_OK(store_->Commit(id, Done(fits)));
  EXPECT_THAT(
      Lines(path_,
            "SELECT substr(trial, -2), split, class, recall, "
            "specificity FROM pareto_front"),
      ElementsAre("00|validation|covid|0.9|0.5", "01|validation|covid|0.9|0.5",
                  "03|validation|covid|0.7|0.8",
                  "05|validation|covid|0.5|0.9"));
}

TEST_F(RankingTest, MinimizeAndValuesBelowZero) {
  SweepRow sweep = SampleSweep();
  sweep.metric = {"loss", "loss", "", false};
  sweep.then.clear();
  Rank({{.loss = 0.5}, {.loss = -2}, {.loss = 10}, {.loss = 0}}, sweep);
  EXPECT_THAT(Ranks(),
              ElementsAre("1|01|0|0", "2|03|0|0", "3|00|0|0", "4|02|0|0"));
  EXPECT_THAT(Lines(path_,
                    "SELECT DISTINCT metric, goal, split, "
                    "(value = (SELECT min(value) FROM leaderboard)) = "
                    "(rank = 1) FROM leaderboard"),
              ElementsAre("loss|minimize|validation|1"));
}

TEST_F(RankingTest, NullMetricIsUnrankedAndNamed) {
  Rank({{.recall = std::nullopt}, {.recall = 0.1}});
  EXPECT_THAT(Ranks(), ElementsAre("1|01|0|0", "NULL|00|NULL|NULL"));
  const Status status = store_->CheckRankable(sweep_);
  EXPECT_EQ(status.code(), StatusCode::kInvalid);
  EXPECT_THAT(status.ToString(), HasSubstr("recall/covid"));
  EXPECT_THAT(status.ToString(), HasSubstr("'validation' in 1 finished"));
}

TEST_F(RankingTest, NullInALaterCriterionIsLast) {
  SweepRow sweep = SampleSweep();
  sweep.metric = {"balanced_accuracy", "balanced_accuracy", "", true};
  sweep.then = {{"recall/covid", "recall", "covid", true}};
  Rank({{.recall = std::nullopt, .loss = 0.1}, {.recall = 0.0, .loss = 0.9}},
       sweep);
  EXPECT_THAT(Ranks(), ElementsAre("1|01|1|0", "2|00|1|0"));
  EXPECT_TRUE(store_->CheckRankable(sweep_).ok());
}

TEST_F(RankingTest, UnplannedAndUnfinishedTrialsAreUnranked) {
  Rank({{.recall = 0.9}, {.recall = 0.8}, {.recall = 0.7}});
  CommitBatch batch;
  batch.trials = {{SampleTrialId(1), TrialState::kFailed, "out of memory"}};
  ASSERT_OK(store_->Commit(sweep_, batch));
  ASSERT_OK(store_->RegisterTrials(
      sweep_, {SampleTrial(1), SampleTrial(2), SampleTrial(3)}));
  EXPECT_THAT(Lines(path_,
                    "SELECT substr(trial, -2), rank, state, planned, "
                    "value FROM leaderboard"),
              ElementsAre("02|1|done|1|0.7", "00|NULL|done|0|0.9",
                          "01|NULL|failed|1|0.8", "03|NULL|pending|1|NULL"));
}

TEST_F(RankingTest, AChangedMetricRanksAnew) {
  Rank({{.recall = 0.9, .loss = 2}, {.recall = 0.8, .loss = 1}});
  EXPECT_THAT(Ranks(), ElementsAre("1|00|0|0", "2|01|0|0"));
  SweepRow sweep = SampleSweep();
  sweep.metric = {"loss", "loss", "", false};
  ASSERT_EQ(*store_->PutSweep(sweep), sweep_);
  EXPECT_THAT(Ranks(), ElementsAre("1|01|0|0", "2|00|0|0"));
}

TEST_F(RankingTest, EachSweepHasItsOwnRanks) {
  Rank({{.recall = 0.9}, {.recall = 0.8}});
  Rank({{.recall = 0.1}, {.recall = 0.2}}, SampleSweep("other"));
  EXPECT_THAT(Lines(path_,
                    "SELECT sweep, rank, substr(trial, -2), ties FROM "
                    "leaderboard"),
              ElementsAre("covid|1|00|0", "covid|2|01|0", "other|1|01|0",
                          "other|2|00|0"));
}

TEST_F(RankingTest, ValueIsTheMeanOverFits) {
  sweep_ = *store_->PutSweep(SampleSweep());
  ASSERT_OK(
      store_->RegisterTrials(sweep_, {SampleTrial(0, 2), SampleTrial(1, 2)}));
  const std::string a = SampleTrialId(0), b = SampleTrialId(1);
  ASSERT_OK(store_->Commit(
      sweep_, Done({SampleFit(a, {.recall = 0.5, .test_recall = 0.25}, 0, 0),
                    SampleFit(a, {.recall = 0.75, .test_recall = 0.5}, 0, 1),
                    SampleFit(b, {.recall = 0.5}, 0, 0),
                    SampleFit(b, {.recall = 1.0, .test_recall = std::nullopt},
                              0, 1)})));
  EXPECT_THAT(
      Lines(path_,
            "SELECT rank, substr(trial, -2), value, test_value, "
            "accuracy, seconds FROM leaderboard"),
      ElementsAre("1|01|0.75|NULL|0.625|5", "2|00|0.625|0.375|0.625|5"));
}

/// Thousands of trials with the rows of real ones are ranked, and what is asked
/// while a run goes on does not walk the rows of all of them.
TEST_F(RankingTest, ThousandsOfTrialsAreAskedByIndex) {
  constexpr int kTrials = 2000;
  sweep_ = *store_->PutSweep(SampleSweep());
  std::vector<TrialRow> rows;
  for (int i = 0; i < kTrials; ++i) rows.push_back(SampleTrial(i));
  ASSERT_OK(store_->RegisterTrials(sweep_, rows));
  for (int begin = 0; begin < kTrials; begin += 1000) {
    std::vector<FitRow> fits;
    for (int i = begin; i < begin + 1000; ++i) {
      fits.push_back(SampleFit(SampleTrialId(i),
                               {.recall = 0.01 * ((i * 7919) % 100),
                                .balanced_accuracy = 0.01 * ((i * 31) % 100),
                                .loss = 1.0 / (i + 1)}));
    }
    ASSERT_OK(store_->Commit(sweep_, Done(fits)));
  }
  EXPECT_THAT(Lines(path_, "SELECT count(*), max(rank) FROM leaderboard"),
              ElementsAre(fmt::format("{}|{}", kTrials, kTrials)));
  const auto plan =
      Lines(path_,
            "EXPLAIN QUERY PLAN SELECT * FROM metrics WHERE sweep = 'covid' "
            "AND trial = '" +
                SampleTrialId(7) + "' AND epoch IS NULL");
  for (const std::string& step : plan) {
    EXPECT_THAT(step,
                ::testing::Not(::testing::MatchesRegex(".*SCAN m( .*|$)")));
    EXPECT_THAT(step,
                ::testing::Not(::testing::MatchesRegex(".*SCAN e( .*|$)")));
  }
}

}  // namespace
}  // namespace besom::db
