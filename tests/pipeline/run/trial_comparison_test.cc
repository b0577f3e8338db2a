#include "pipeline/run/trial_comparison.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "pipeline/run/leader_comparisons.h"
#include "pipeline/run/result_rows.h"
#include "pipeline/run/trial_sets.h"
#include "tests/db/sample_sweep.h"

namespace besom::run {
namespace {

using db::testing::Done;
using db::testing::SampleFit;
using db::testing::SampleSweep;
using db::testing::SampleTrial;
using db::testing::SampleTrialId;
using db::testing::ScratchFolder;

/// Trials whose answers about twelve images of validation are given as a text:
/// '+' is right, '-' is wrong. The first six are covid.
class TrialComparisonTest : public ::testing::Test {
 protected:
  void Add(const std::vector<std::vector<std::string>>& answers) {
    std::vector<db::TrialRow> trials;
    std::vector<db::FitRow> fits;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const int fits_of_trial = static_cast<int>(answers[i].size());
      trials.push_back(SampleTrial(static_cast<int>(i), fits_of_trial));
      for (int fold = 0; fold < fits_of_trial; ++fold)
        fits.push_back(FitOf(trials.back().trial, answers[i][fold], fold));
    }
    ASSERT_OK(store_->RegisterTrials(sweep_, trials));
    db::CommitBatch images;
    images.images = Images();
    ASSERT_OK(store_->Commit(sweep_, images));
    ASSERT_OK(store_->Commit(sweep_, Done(fits)));
  }

  db::ImageTable Images() const {
    db::ImageTable table;
    for (int i = 0; i < 12; ++i) {
      db::ImageRow row = db::testing::SampleImage(Name(i), "validation");
      row.group = fmt::format("p{}", i / images_per_patient_);
      table.images.push_back(row);
    }
    return table;
  }

  static std::string Name(int i) { return fmt::format("{:02}.png", i); }

  static db::FitRow FitOf(const std::string& trial, const std::string& answers,
                          int fold) {
    db::FitRow fit = SampleFit(trial, {}, 0, fold);
    db::SetRow& set = fit.sets[0];
    set.predictions.clear();
    double right = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const int actual = i < 6 ? 0 : 1;
      const bool is_right = answers[i] == '+';
      right += is_right;
      const int predicted = is_right ? actual : 1 - actual;
      set.predictions.push_back(
          {"cohen", Name(static_cast<int>(i)), actual, predicted,
           predicted == 0 ? std::vector{0.75, 0.25} : std::vector{0.25, 0.75}});
    }
    for (db::MetricRow& row : set.metrics)
      if (row.name == "accuracy")
        row.value = right / static_cast<double>(answers.size());
    set.metrics.push_back({"support", "macro avg", 12.0});
    fit.sets.push_back({"train", {{"support", "macro avg", 24.0}}});
    return fit;
  }

  std::vector<TrialComparison> Compare(std::size_t trials,
                                       const std::string& method = "") {
    const auto reader = *db::Reader::Open(path_);
    std::vector<db::TrialName> names;
    for (std::size_t i = 0; i < trials; ++i)
      names.push_back({"covid", SampleTrialId(static_cast<int>(i))});
    const auto lines = CompareTrialsBy(
        *reader, names,
        {.metrics = {"accuracy"}, .splits = {"validation"}, .method = method});
    EXPECT_TRUE(lines.ok()) << lines.status().ToString();
    return *lines;
  }

  int images_per_patient_ = 1;
  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  std::unique_ptr<db::ResultsStore> store_ = *db::ResultsStore::Open(path_);
  const db::SweepId sweep_ = *store_->PutSweep(SampleSweep());
};

TEST_F(TrialComparisonTest, ImagesOfTheirOwnAreTestedByMcNemar) {
  // Six images are right in the first alone, none in the second alone.
  Add({{"++++++++++++"}, {"+++---+++---"}});
  const auto lines = Compare(2);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].test.method, "mcnemar_exact");
  EXPECT_EQ(lines[0].unit, "images");
  EXPECT_EQ(lines[0].units, 12);
  EXPECT_DOUBLE_EQ(*lines[0].value_a, 1);
  EXPECT_DOUBLE_EQ(*lines[0].value_b, 0.5);
  EXPECT_DOUBLE_EQ(*lines[0].test.difference, 0.5);
  EXPECT_DOUBLE_EQ(*lines[0].test.p, 2 / 64.0);
  EXPECT_EQ(lines[0].p_adjusted, lines[0].test.p) << "there is one only";
}

TEST_F(TrialComparisonTest, PatientsOfSeveralImagesAreTheUnit) {
  images_per_patient_ = 3;
  Add({{"++++++++++++"}, {"+++---+++---"}});
  const auto lines = Compare(2);
  EXPECT_EQ(lines[0].test.method, "sign_flip_exact");
  EXPECT_EQ(lines[0].unit, "patient groups");
  EXPECT_EQ(lines[0].units, 4);
  EXPECT_DOUBLE_EQ(*lines[0].test.p, 2 / 4.0) << "two patients differ";
  EXPECT_EQ(Compare(2, "mcnemar")[0].test.p, 2 / 64.0) << "by name";
}

TEST_F(TrialComparisonTest, SeveralRivalsAreAdjustedTogether) {
  Add({{"++++++++++++"}, {"+++---+++---"}, {"++++--++++--"}});
  const auto lines = Compare(3);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_DOUBLE_EQ(*lines[0].test.p, 2 / 64.0);
  EXPECT_DOUBLE_EQ(*lines[0].p_adjusted, 2 * 2 / 64.0);
  EXPECT_DOUBLE_EQ(*lines[1].test.p, 2 / 16.0);
  EXPECT_DOUBLE_EQ(*lines[1].p_adjusted, 2 / 16.0);
}

TEST_F(TrialComparisonTest, EqualAnswersHaveNoP) {
  Add({{"+++---+++---"}, {"+++---+++---"}});
  const auto lines = Compare(2);
  EXPECT_DOUBLE_EQ(*lines[0].test.difference, 0);
  EXPECT_FALSE(lines[0].test.p);
  EXPECT_FALSE(lines[0].p_adjusted);
}

TEST_F(TrialComparisonTest, OtherImagesAreNotCompared) {
  Add({{"++++++++++++"}, {"++++++++++"}});
  const auto lines = Compare(2);
  EXPECT_EQ(lines[0].why_not, "they were not asked about the same images");
  EXPECT_TRUE(ComparisonRowsOf(lines).empty());
}

TEST_F(TrialComparisonTest, TrialsOfSeveralFitsAreComparedFitByFit) {
  Add({{"++++++++++++", "+++++++++++-", "++++++++++--"},
       {"++++++++++--", "+++++++++++-", "+++++++++---"}});
  const auto lines = Compare(2);
  EXPECT_EQ(lines[0].test.method, "resampled_t");
  EXPECT_EQ(lines[0].unit, "fits");
  EXPECT_EQ(lines[0].units, 3);
  // Differences 2/12, 0 and 1/12; 12 images tested, 24 trained on.
  const double mean = 1 / 12.0, sd = 1 / 12.0;
  EXPECT_NEAR(*lines[0].test.difference, mean, 1e-12);
  // scipy.stats.t.ppf(0.975, 2)
  const double half = 4.302652729911275 * sd * std::sqrt(1 / 3.0 + 0.5);
  EXPECT_NEAR(*lines[0].test.low, mean - half, 1e-9);
  EXPECT_NEAR(*lines[0].test.high, mean + half, 1e-9);
}

TEST_F(TrialComparisonTest, WhatSeveralFitsSayOfAnImageIsTheirMean) {
  Add({{"++++++++++++", "-+++++++++++", "-+++++++++++"}});
  const auto reader = *db::Reader::Open(path_);
  const auto set =
      LoadTrialSet(*reader, {"covid", SampleTrialId(0)}, "validation");
  ASSERT_TRUE(set.ok()) << set.status().ToString();
  EXPECT_EQ(set->images.size(), 12u);
  EXPECT_EQ(set->images[0], "cohen/00.png");
  EXPECT_NEAR(set->scored.row(0)[0], (0.75 + 0.25 + 0.25) / 3, 1e-12);
  EXPECT_NEAR(set->scored.row(1)[0], 0.75, 1e-12);
}

TEST_F(TrialComparisonTest, TheLeaderMeetsTheNextOfTheLeaderboard) {
  Add({{"++++++++++++"}, {"+++---+++---"}, {"++++--++++--"}});
  const auto reader = *db::Reader::Open(path_);
  const auto lines = CompareLeader(*reader, "covid");
  ASSERT_TRUE(lines.ok()) << lines.status().ToString();
  // All tie, so the ids decide; ranked by the recall of covid.
  std::vector<std::string> rivals;
  for (const TrialComparison& line : *lines) {
    EXPECT_EQ(line.a, SampleTrialId(0));
    EXPECT_EQ(line.test.metric, "recall/covid");
    if (line.split == "validation") rivals.push_back(line.b);
  }
  EXPECT_THAT(rivals,
              ::testing::ElementsAre(SampleTrialId(1), SampleTrialId(2)));
  ASSERT_OK(store_->PutComparisons(sweep_, ComparisonRowsOf(*lines)));
  ASSERT_OK(store_->PutComparisons(sweep_, ComparisonRowsOf(*lines)));
  EXPECT_EQ(db::testing::Lines(path_,
                               "SELECT b, difference FROM comparisons WHERE "
                               "split = 'validation' ORDER BY b")[0],
            SampleTrialId(1) + "|0.5");
}

TEST_F(TrialComparisonTest, WhatAKilledRunDidNotCompareIsMissed) {
  const auto lacks = [&] { return *LacksComparisons(path_, "covid"); };
  EXPECT_FALSE(lacks()) << "no trial";
  Add({{"++++++++++++"}, {"+++---+++---"}, {"++++--++++--"}});
  EXPECT_TRUE(lacks());
  ASSERT_OK(RecordComparisons(path_, "covid"));
  EXPECT_FALSE(lacks());
  const std::string all = "SELECT * FROM comparisons ORDER BY split, b";
  const auto rows = db::testing::Lines(path_, all);
  // Of a sweep that had two trials when it was compared.
  const auto reader = *db::Reader::Open(path_);
  auto some = ComparisonRowsOf(*CompareLeader(*reader, "covid"));
  std::erase_if(some, [](const db::ComparisonRow& row) {
    return row.b == SampleTrialId(2);
  });
  ASSERT_OK(store_->PutComparisons(sweep_, some));
  EXPECT_TRUE(lacks());
  ASSERT_OK(RecordComparisons(path_, "covid"));
  EXPECT_EQ(db::testing::Lines(path_, all), rows);
}

TEST_F(TrialComparisonTest, ATrialAloneLacksNoComparison) {
  Add({{"++++++++++++"}});
  EXPECT_FALSE(*LacksComparisons(path_, "covid"));
}

}  // namespace
}  // namespace besom::run
