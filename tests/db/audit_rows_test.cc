#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using testing::Done;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Lines;
using testing::SampleImage;
using testing::SampleSweep;
using testing::SampleTrial;
using testing::ScratchFolder;

class AuditRowsTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  std::unique_ptr<ResultsStore> store_ = *ResultsStore::Open(path_);
  const SweepId sweep_ = *store_->PutSweep(SampleSweep());

  static AuditRow Row(const std::string& probe, double value, double bound,
                      const std::string& a = "covid",
                      const std::string& b = "normal") {
    AuditRow row;
    row.probe = probe;
    row.may_alarm = true;
    row.class_a = a;
    row.class_b = b;
    row.balanced_accuracy = value;
    row.low = value - 0.05;
    row.high = value + 0.05;
    row.bound = bound;
    row.method = "mover_wilson";
    row.chance = a.empty() ? 1.0 / 3 : 0.5;
    row.images = 100;
    row.groups = 50;
    row.folds = 5;
    return row;
  }
  void Put(const AuditTable& table) {
    CommitBatch batch;
    batch.audit = table;
    ASSERT_OK(store_->Commit(sweep_, batch));
  }
  /// One trial with these answers on test, and perfect ones on validation;
  /// two fits with them where there are two matrices.
  void Train(const std::vector<std::vector<std::vector<std::int64_t>>>& tests) {
    TrialRow trial = SampleTrial(0, static_cast<int>(tests.size()));
    ASSERT_OK(store_->RegisterTrials(sweep_, {trial}));
    std::vector<FitRow> fits;
    for (std::size_t i = 0; i < tests.size(); ++i) {
      FitRow fit = testing::SampleFit(trial.trial, {}, 0, static_cast<int>(i));
      fit.classes = {"covid", "normal", "pneumonia"};
      for (SetRow& set : fit.sets) {
        set.predictions.clear();
        set.confusion = {{5, 0, 0}, {0, 5, 0}, {0, 0, 5}};
      }
      if (tests[i].empty())
        fit.sets.pop_back();
      else
        fit.sets[1].confusion = tests[i];
      fits.push_back(fit);
    }
    ASSERT_OK(store_->Commit(sweep_, Done(fits)));
  }
  std::vector<std::string> Alarms() {
    return Lines(path_, "SELECT probe, class_a, class_b, alarm FROM audit");
  }
};

TEST_F(AuditRowsTest, WithoutATrialTheAlarmIsUnknownWhereItMayBe) {
  AuditRow blur = Row("blur", 0.9, 0);
  blur.may_alarm = false;
  blur.bound.reset();
  Put({Row("facts", 0.7, 0.6), Row("ring", 0.6, 0.5), blur});
  EXPECT_THAT(Alarms(),
              ElementsAre("facts|covid|normal|NULL", "ring|covid|normal|0",
                          "blur|covid|normal|0"));
}

// On test the model gets 8 of 10 covid and 6 of 10 normal right, of those that
// it takes for either: a gain of 0.2, of which the half is 0.1.
TEST_F(AuditRowsTest, AnAlarmIsHalfOfTheModelsGainOnTest) {
  Train({{{8, 2, 5}, {4, 6, 0}, {1, 1, 8}}});
  Put({Row("facts", 0.61, 0.51), Row("ring", 0.59, 0.51),
       Row("file", 0.61, 0.5)});
  EXPECT_THAT(Alarms(),
              ElementsAre("facts|covid|normal|1", "file|covid|normal|0",
                          "ring|covid|normal|0"));
  EXPECT_THAT(Lines(path_,
                    "SELECT model, model_split, round(model_balanced_accuracy, "
                    "12), round(low, 3), round(high, 3), groups FROM audit "
                    "WHERE probe = 'facts'"),
              ElementsAre("0000000000000000|test|0.7|0.56|0.66|50"));
}

TEST_F(AuditRowsTest, AllClassesAreComparedWithAllClasses) {
  Train({{{8, 1, 1}, {0, 6, 4}, {1, 0, 9}}});
  Put({Row("ring", 0.6, 0.4, "", "")});
  EXPECT_THAT(Lines(path_,
                    "SELECT class_a, round(model_balanced_accuracy, 12), alarm "
                    "FROM audit"),
              ElementsAre("NULL|0.766666666667|1"));
}

TEST_F(AuditRowsTest, AnswersOfSeveralFitsAreSummed) {
  Train({{{10, 0, 0}, {0, 10, 0}, {0, 0, 10}},
         {{0, 10, 0}, {0, 10, 0}, {0, 0, 10}}});
  Put({Row("ring", 0.6, 0.55)});
  EXPECT_THAT(Lines(path_, "SELECT model_balanced_accuracy FROM audit"),
              ElementsAre("0.75"));
}

TEST_F(AuditRowsTest, WithoutATestSetOfAllClassesTheRankingsSetCounts) {
  Train({{{5, 0, 0}, {1, 4, 0}, {0, 0, 0}}});
  Put({Row("ring", 0.9, 0.8)});
  EXPECT_THAT(Lines(path_,
                    "SELECT model_split, model_balanced_accuracy, alarm "
                    "FROM audit"),
              ElementsAre("validation|1|1"));
}

TEST_F(AuditRowsTest, AClassThatTheModelNeverMetLeavesTheAlarmOpen) {
  Train({{{5, 0, 0}, {1, 4, 0}, {0, 0, 5}}});
  Put({Row("ring", 0.9, 0.8, "covid", "other")});
  EXPECT_THAT(Alarms(), ElementsAre("ring|covid|other|NULL"));
}

TEST_F(AuditRowsTest, AnAuditReplacesTheOneBefore) {
  Put({Row("facts", 0.7, 0.6), Row("ring", 0.6, 0.5)});
  Put({Row("ring", 0.8, 0.7)});
  EXPECT_THAT(Alarms(), ElementsAre("ring|covid|normal|NULL"));
  CommitBatch other;
  other.events = {{1, "x", {}}};
  ASSERT_OK(store_->Commit(sweep_, other));
  EXPECT_EQ(Alarms().size(), 1u);
  Put({});
  EXPECT_THAT(Alarms(), IsEmpty());
}

TEST_F(AuditRowsTest, ASourceOfOneClassIsListedWithItsShareOfTheClass) {
  const auto image = [](const std::string& source, const std::string& path,
                        const std::string& label, const std::string& split) {
    ImageRow row = SampleImage(path, split);
    row.source = source;
    row.label = label;
    return row;
  };
  CommitBatch batch;
  batch.images = ImageTable{
      1,
      {image("cohen", "1", "covid", "train"),
       image("cohen", "2", "covid", "test"),
       image("cohen", "3", "normal", ""),  // Left out: does not count.
       image("nih", "1", "covid", "train"), image("nih", "2", "normal", "test"),
       image("outside", "1", "normal", "outside")}};
  ASSERT_OK(store_->Commit(sweep_, batch));
  EXPECT_THAT(
      Lines(path_, "SELECT class, source, images, of_images FROM own_sources"),
      ElementsAre("covid|cohen|2|3"));
}

}  // namespace
}  // namespace besom::db
