// What fits leave behind, one by one and summed up.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/results_store.h"
#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using testing::Done;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Lines;
using testing::SampleFit;
using testing::SampleSweep;
using testing::SampleTrial;
using testing::SampleTrialId;
using testing::ScratchFolder;

class FitRowsTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  std::unique_ptr<ResultsStore> store_ = *ResultsStore::Open(path_);
  const SweepId sweep_ = *store_->PutSweep(SampleSweep());
};

TEST_F(FitRowsTest, AggregatesOnlyForTrialsWithAllOfSeveralFits) {
  ASSERT_OK(
      store_->RegisterTrials(sweep_, {SampleTrial(0, 3), SampleTrial(1, 1)}));
  const std::string trial = SampleTrialId(0);
  CommitBatch two;
  two.fits = {SampleFit(trial, {.recall = 0.3}, 0, 2),
              SampleFit(trial, {.recall = 0.1}, 0, 0),
              SampleFit(SampleTrialId(1), {})};
  ASSERT_OK(store_->Commit(sweep_, two));
  const std::string aggregates =
      "SELECT value FROM metrics WHERE repeat IS NULL AND fold IS NULL AND "
      "epoch IS NULL AND split = 'validation' AND name = 'recall' AND class = "
      "'covid'";
  EXPECT_THAT(Lines(path_, aggregates), IsEmpty());
  EXPECT_THAT(Lines(path_,
                    "SELECT * FROM confusion_matrix WHERE repeat IS "
                    "NULL"),
              IsEmpty());
  ASSERT_OK(
      store_->Commit(sweep_, Done({SampleFit(trial, {.recall = 0.2}, 0, 1)})));
  // Summed in the order of the folds, whatever the order they came in.
  const double mean = (0.1 + 0.2 + 0.3) / 3;
  EXPECT_THAT(Lines(path_, aggregates), ElementsAre(fmt::format("{}", mean)));
  EXPECT_THAT(Lines(path_,
                    "SELECT trial, count FROM confusion_matrix WHERE repeat IS "
                    "NULL AND split = 'validation' AND actual = 'normal'"),
              ElementsAre(trial + "|3", trial + "|21"));
}

TEST_F(FitRowsTest, WhatAThresholdDecidesHasARuleOfItsOwn) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0, 1)}));
  FitRow fit = SampleFit(SampleTrialId(0), {.recall = 0.5});
  fit.sets[0].decided = {{"recall", "covid", 0.75, 0.25, 1.0, "wilson", 9}};
  fit.threshold = ThresholdRow{"covid", "recall/covid >= 0.7", 0.125, 9, false};
  ASSERT_OK(store_->Commit(sweep_, Done({fit})));
  ASSERT_OK(store_->Commit(sweep_, Done({fit})));
  EXPECT_THAT(Lines(path_,
                    "SELECT rule, value, low, high, method, n_groups FROM "
                    "metrics WHERE split = 'validation' AND name = 'recall' "
                    "AND class = 'covid' ORDER BY rule"),
              ElementsAre("largest|0.5|NULL|NULL|NULL|NULL",
                          "threshold|0.75|0.25|1|wilson|9"));
  EXPECT_THAT(Lines(path_,
                    "SELECT repeat, fold, class, target, value, "
                    "positive_groups, reliable FROM thresholds"),
              ElementsAre("0|0|covid|recall/covid >= 0.7|0.125|9|0"));
  fit.threshold.reset();
  fit.sets[0].decided.clear();
  ASSERT_OK(store_->Commit(sweep_, Done({fit})));
  EXPECT_THAT(Lines(path_, "SELECT * FROM thresholds"), IsEmpty());
  EXPECT_THAT(Lines(path_, "SELECT * FROM metrics WHERE rule = 'threshold'"),
              IsEmpty());
}

TEST_F(FitRowsTest, ASummarizerSeesAllThatFitsSayOfAFigure) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0, 2)}));
  std::vector<FitRow> fits;
  for (const int fold : {1, 0}) {
    fits.push_back(
        SampleFit(SampleTrialId(0), {.recall = 0.25 + fold}, 0, fold));
    FitRow& fit = fits.back();
    fit.sets[0].metrics[0].low = 0.125 + fold;
    fit.sets[0].metrics[0].high = 0.5 + fold;
    fit.sets[0].metrics.push_back({"support", "macro avg", 12.0 + fold});
    fit.sets.push_back({"train", {{"support", "macro avg", 40.0 - fold}}});
    if (fold == 1) fit.sets[1].metrics.pop_back();  // The loss on test.
  }
  std::vector<std::string> seen;
  const auto figure = [&](const FiguresOfFits& figures, const Json& config) {
    MetricRow row{figures.name, figures.cls, 0.5, 0.25, 0.75, "some", 2, 0.125};
    const bool told = figures.cls == "covid" && figures.name == "recall";
    if (!told && figures.name != "loss") return row;
    std::string line = fmt::format("{}/{} {} {}", figures.split, figures.name,
                                   CanonicalText(config), figures.all);
    for (const auto& fit : figures.fits)
      line += fmt::format(" {} {} {} {} {}", *fit.value, fit.low.value_or(-1),
                          fit.high.value_or(-1), fit.images, fit.trained);
    seen.push_back(line);
    return row;
  };
  store_->SummarizeBy({.figure = figure});
  ASSERT_OK(store_->Commit(sweep_, Done(fits)));
  EXPECT_THAT(
      seen, ElementsAre("test/loss {\"n\":0} false 1 -1 -1 0 40",
                        "test/recall {\"n\":0} true 0.25 -1 -1 0 40 0.25 -1 "
                        "-1 0 39",
                        "validation/loss {\"n\":0} true 1 -1 -1 12 40 1 -1 -1 "
                        "13 39",
                        "validation/recall {\"n\":0} true 0.25 0.125 0.5 12 "
                        "40 1.25 1.125 1.5 13 39"));
  EXPECT_THAT(
      Lines(path_,
            "SELECT DISTINCT value, low, high, method, n_groups, sd FROM "
            "metrics WHERE repeat IS NULL AND epoch IS NULL"),
      ElementsAre("0.5|0.25|0.75|some|2|0.125"));
}

/// A set of one image that a fit was evaluated on later.
FitRow LaterSet(const std::string& trial, double recall, int fold = 0) {
  FitRow fit;
  fit.trial = trial;
  fit.fold = fold;
  fit.classes = {"covid", "normal"};
  SetRow& set = fit.sets.emplace_back();
  set.split = "ward";
  set.metrics = {{"recall", "covid", recall}};
  set.decided = {{"recall", "covid", recall / 2}};
  set.confusion = {{1, 0}, {0, 0}};
  set.predictions = {{"ward", "w.png", 0, 0, {0.75, 0.25}}};
  set.curves = {{"covid", "roc", 0, 1, 0.75}};
  return fit;
}

ImageTable LaterImages(const std::string& path) {
  ImageRow image = testing::SampleImage(path, "ward");
  image.source = "ward";
  return {1, {image}};
}

TEST_F(FitRowsTest, ALaterSetStandsBesideTheOthersAndIsReplacedByItsName) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0, 2)}));
  const std::string trial = SampleTrialId(0);
  CommitBatch fits;
  fits.fits = {SampleFit(trial, {.recall = 0.5}, 0, 0),
               SampleFit(trial, {.recall = 0.5}, 0, 1)};
  ASSERT_OK(store_->Commit(sweep_, fits));
  const std::string others =
      "SELECT * FROM metrics WHERE split <> 'ward' ORDER BY repeat, fold, "
      "split, name, class, epoch";
  const std::vector<std::string> before = Lines(path_, others);
  for (const double recall : {0.25, 0.75}) {
    CommitBatch batch;
    batch.later_sets = {LaterSet(trial, recall, 0),
                        LaterSet(trial, recall / 3, 1)};
    batch.later_images = LaterImages("w.png");
    ASSERT_OK(store_->Commit(sweep_, batch));
  }
  EXPECT_THAT(
      Lines(path_,
            "SELECT fold, rule, value FROM metrics WHERE split = "
            "'ward' ORDER BY fold, rule"),
      ElementsAre("NULL|largest|0.5", "NULL|threshold|0.25", "0|largest|0.75",
                  "0|threshold|0.375", "1|largest|0.25", "1|threshold|0.125"));
  for (const char* view : {"predictions", "curves"})
    EXPECT_THAT(Lines(path_, fmt::format("SELECT count(*) FROM {} WHERE split "
                                         "= 'ward'",
                                         view)),
                ElementsAre("2"))
        << view;
  EXPECT_EQ(Lines(path_, others), before);
}

TEST_F(FitRowsTest, ImagesOfALaterSetOutliveTheNextTableOfTheSweep) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0, 1)}));
  ASSERT_OK(store_->Commit(sweep_, Done({SampleFit(SampleTrialId(0), {})})));
  CommitBatch batch;
  batch.later_sets = {LaterSet(SampleTrialId(0), 1)};
  batch.later_images = LaterImages("w.png");
  ASSERT_OK(store_->Commit(sweep_, batch));
  CommitBatch own;
  own.images = ImageTable{1, {testing::SampleImage("a.png", "train")}};
  ASSERT_OK(store_->Commit(sweep_, own));
  const std::string listed = "SELECT image, split FROM images ORDER BY image";
  EXPECT_THAT(Lines(path_, listed),
              ElementsAre("cohen/a.png|train", "ward/w.png|ward"));
  // Evaluated again, on other images.
  batch.later_sets.clear();
  batch.later_images = LaterImages("v.png");
  ASSERT_OK(store_->Commit(sweep_, batch));
  EXPECT_THAT(Lines(path_, listed),
              ElementsAre("cohen/a.png|train", "ward/v.png|ward"));
}

TEST_F(FitRowsTest, ALaterSetNeedsItsFit) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0, 1)}));
  CommitBatch batch;
  batch.later_sets = {LaterSet(SampleTrialId(0), 1)};
  EXPECT_EQ(store_->Commit(sweep_, batch).code(), StatusCode::kInternal);
  EXPECT_THAT(Lines(path_, "SELECT * FROM metrics"), IsEmpty());
}

}  // namespace
}  // namespace besom::db
