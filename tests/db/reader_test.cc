#include "db/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using testing::Done;
using ::testing::HasSubstr;
using testing::SampleFit;
using testing::SampleSweep;
using testing::SampleTrial;
using testing::ScratchFolder;

class ReaderTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  std::unique_ptr<ResultsStore> store_ = *ResultsStore::Open(path_);

  void AddSweep(const std::string& name, const std::vector<std::string>& ids) {
    const SweepId sweep = *store_->PutSweep(SampleSweep(name));
    std::vector<TrialRow> trials;
    for (const std::string& id : ids) {
      trials.push_back(SampleTrial(static_cast<int>(trials.size())));
      trials.back().trial = id;
    }
    ASSERT_OK(store_->RegisterTrials(sweep, trials));
    CommitBatch batch;
    if (!ids.empty()) batch = Done({SampleFit(ids.back(), {})});
    ASSERT_OK(store_->Commit(sweep, batch));
  }
  std::unique_ptr<Reader> Open() { return *Reader::Open(path_); }
};

TEST_F(ReaderTest, NoDatabaseYetSaysWhatToDo) {
  const Status status = Reader::Open(folder_ / "no" / "besom.db").status();
  EXPECT_EQ(ExitCodeOf(status), 2);
  EXPECT_THAT(status.ToString(), HasSubstr("besom run SPEC"));
}

TEST_F(ReaderTest, TheOnlySweepIsTheDefault) {
  EXPECT_THAT(Open()->FindSweep("").status().ToString(),
              HasSubstr("no sweep in it yet"));
  AddSweep("a", {});
  EXPECT_EQ(*Open()->FindSweep(""), "a");
  AddSweep("b", {});
  EXPECT_THAT(Open()->FindSweep("").status().ToString(),
              HasSubstr("2 sweeps are here: a, b"));
  EXPECT_EQ(*Open()->FindSweep("b"), "b");
  const Status unknown = Open()->FindSweep("c").status();
  EXPECT_EQ(ExitCodeOf(unknown), 2);
  EXPECT_THAT(unknown.ToString(), HasSubstr("there is: a, b"));
}

TEST_F(ReaderTest, TrialByIdPrefixOrBest) {
  AddSweep("a", {"aaaa000000000000", "aaab000000000000", "abcd000000000000"});
  EXPECT_EQ(Open()->FindTrial("ab", "")->trial, "abcd000000000000");
  EXPECT_EQ(Open()->FindTrial("aaab000000000000", "a")->sweep, "a");
  EXPECT_EQ(Open()->FindTrial("best", "")->trial, "abcd000000000000");
  EXPECT_THAT(Open()->FindTrial("aaa", "").status().ToString(),
              HasSubstr("'aaa' begins 2 trials: aaaa000000000000, aaab"));
  for (const char* nobody : {"x", "", "a%", "____", "a'--"}) {
    EXPECT_EQ(ExitCodeOf(Open()->FindTrial(nobody, "").status()), 2) << nobody;
  }
}

TEST_F(ReaderTest, TrialOfSeveralSweepsNeedsTheSweep) {
  AddSweep("a", {"1111000000000000"});
  AddSweep("b", {"1111000000000000", "2222000000000000"});
  EXPECT_EQ(Open()->FindTrial("2", "")->sweep, "b");
  EXPECT_THAT(Open()->FindTrial("11", "").status().ToString(),
              HasSubstr("is in 2 sweeps: a, b"));
  EXPECT_EQ(Open()->FindTrial("11", "b")->sweep, "b");
  EXPECT_THAT(Open()->FindTrial("best", "").status().ToString(),
              HasSubstr("2 sweeps are here"));
}

TEST_F(ReaderTest, BestSaysWhyThereIsNone) {
  const SweepId sweep = *store_->PutSweep(SampleSweep("a"));
  const TrialRow trial = SampleTrial(0);
  ASSERT_OK(store_->RegisterTrials(sweep, {trial}));
  EXPECT_THAT(Open()->FindTrial("best", "").status().ToString(),
              HasSubstr("no trial of 'a' is done yet"));
  ASSERT_OK(store_->Commit(
      sweep, Done({SampleFit(trial.trial, {.recall = std::nullopt})})));
  EXPECT_THAT(Open()->FindTrial("best", "").status().ToString(),
              HasSubstr("recall/covid has no value on the set 'validation'"));
}

TEST_F(ReaderTest, BadSqlIsTheUsersError) {
  const Status status = Open()->Query("SELECT nosuch FROM trials").status();
  EXPECT_EQ(ExitCodeOf(status), 2);
  EXPECT_THAT(status.ToString(), HasSubstr("no such column: nosuch"));
}

TEST_F(ReaderTest, NothingCanBeWritten) {
  for (const char* sql :
       {"DELETE FROM trial", "UPDATE sweep SET name = 'x'", "DROP VIEW trials",
        "ATTACH ':memory:' AS m", "PRAGMA user_version = 3",
        "INSERT INTO sweep(name) VALUES('x')", "COMMIT"}) {
    const Status status = Open()->Query(sql).status();
    EXPECT_EQ(ExitCodeOf(status), 2) << sql;
    EXPECT_THAT(status.ToString(), HasSubstr("more than reading"));
  }
}

}  // namespace
}  // namespace besom::db
