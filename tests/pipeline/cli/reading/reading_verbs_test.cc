#include "pipeline/cli/reading/reading_verbs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/store/run_lock.h"
#include "tests/db/sample_sweep.h"
#include "tests/pipeline/cli/reading/verb_runner.h"

namespace besom::cli {
namespace {

using db::testing::Done;
using db::testing::SampleFit;
using db::testing::SampleImage;
using db::testing::SampleSweep;
using db::testing::SampleTrial;
using db::testing::SampleTrialId;
using db::testing::ScratchFolder;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Outcome;
using testing::RunVerb;
using ::testing::StartsWith;

class ReadingVerbsTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  std::unique_ptr<db::ResultsStore> store_ =
      *db::ResultsStore::Open(folder_ / "besom.db");

  Outcome Run(const std::vector<std::string>& arguments) {
    return RunVerb(folder_.path().string(), arguments);
  }
  /// Three trials: 1 and 2 tie by recall, 2 is better then; 3 is pending.
  db::SweepId AddSweep(const std::string& name = "covid") {
    const db::SweepId sweep = *store_->PutSweep(SampleSweep(name));
    EXPECT_TRUE(store_
                    ->RegisterTrials(
                        sweep, {SampleTrial(1), SampleTrial(2), SampleTrial(3)})
                    .ok());
    EXPECT_TRUE(
        store_
            ->Commit(
                sweep,
                Done({SampleFit(SampleTrialId(1),
                                {.recall = 0.75, .balanced_accuracy = 0.5}),
                      SampleFit(SampleTrialId(2),
                                {.recall = 0.75, .balanced_accuracy = 0.625})}))
            .ok());
    return sweep;
  }
};

TEST_F(ReadingVerbsTest, WithoutADatabaseEveryVerbSaysSoAndMakesNone) {
  ScratchFolder empty;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"status"},
        {"query", "SELECT 1"},
        {"best"},
        {"show", "best"},
        {"compare", "--by", "x"},
        {"report", "-o", "-"}}) {
    const Outcome outcome = RunVerb((empty / "nowhere").string(), arguments);
    EXPECT_EQ(outcome.code, 2) << arguments[0];
    EXPECT_THAT(outcome.err, HasSubstr("no database here yet"));
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_FALSE(std::filesystem::exists(empty / "nowhere"));
}

TEST_F(ReadingVerbsTest, QueryPrintsInEveryFormat) {
  AddSweep();
  const std::string sql =
      "SELECT rank, trial, value FROM leaderboard "
      "WHERE rank = 1";
  EXPECT_EQ(Run({"query", sql, "-f", "csv"}).out,
            "rank,trial,value\n1,0000000000000002,0.75\n");
  EXPECT_EQ(Run({"query", sql, "--format", "json"}).out,
            "[\n{\"rank\": 1, \"trial\": \"0000000000000002\", \"value\": "
            "0.75}\n]\n");
  EXPECT_THAT(Run({"query", sql}).out, StartsWith("rank  trial"));
  EXPECT_EQ(Run({"query", sql, "-f", "xml"}).code, 2);
}

TEST_F(ReadingVerbsTest, QueryPrintsNothingOnStdoutForBadSql) {
  for (const char* sql : {"SELECT", "SELECT nosuch FROM trials",
                          "DELETE FROM trial", "SELECT 1; SELECT 2", ""}) {
    const Outcome outcome = Run({"query", sql, "-f", "csv"});
    EXPECT_EQ(outcome.code, 2) << sql;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, StartsWith("besom: "));
  }
}

TEST_F(ReadingVerbsTest, QueryPrintsManyRows) {
  const Outcome outcome =
      Run({"query",
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
           "WHERE i < 100000) SELECT i FROM n",
           "-f", "csv"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 100001);
  EXPECT_THAT(outcome.out, ::testing::EndsWith("\n99999\n100000\n"));
}

TEST_F(ReadingVerbsTest, BestNamesTheTrialItsFiguresAndTheTie) {
  AddSweep();
  const std::string out = Run({"best"}).out;
  EXPECT_THAT(out, StartsWith("best trial of covid: 0000000000000002\n"));
  EXPECT_THAT(out, HasSubstr("recall/covid on validation  0.7500\n"));
  EXPECT_THAT(out, HasSubstr("recall/covid on test  0.2500\n"));
  EXPECT_THAT(out, HasSubstr("tie: 1 other trial has the same recall/covid; "
                             "the next criteria decided"));
  EXPECT_THAT(out, HasSubstr("model.dropout  0.2\n"));
  EXPECT_THAT(out, HasSubstr("3 trials: 2 done, 1 pending\n"));
  EXPECT_THAT(out, Not(HasSubstr("selected on")));
}

TEST_F(ReadingVerbsTest, BestMarksSelectionOnTest) {
  AddSweep();
  db::SweepRow sweep = SampleSweep();
  sweep.split = "test";
  sweep.allow_test = true;
  ASSERT_OK(store_->PutSweep(sweep).status());
  EXPECT_THAT(Run({"best"}).out, HasSubstr("selected on test"));
  EXPECT_THAT(Run({"status"}).out, HasSubstr("selected on test"));
}

TEST_F(ReadingVerbsTest, SeveralSweepsNeedAName) {
  AddSweep("one");
  AddSweep("two");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"best"},
        {"report", "-o", "-"},
        {"show", "best"},
        {"compare", "--by", "head"}}) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.code, 2) << arguments[0];
    EXPECT_THAT(outcome.err, HasSubstr("2 sweeps are here: one, two"));
    std::vector<std::string> named = arguments;
    named.insert(named.end(), {"--sweep", "two"});
    EXPECT_EQ(Run(named).code, 0) << arguments[0];
  }
}

TEST_F(ReadingVerbsTest, ShowPrintsReportAndMatrixOfEachSet) {
  AddSweep();
  const std::string out = Run({"show", "best"}).out;
  EXPECT_THAT(out, HasSubstr("trial  0000000000000002\n"));
  EXPECT_THAT(out, HasSubstr("chosen epoch  3"));
  EXPECT_THAT(
      out,
      HasSubstr("validation\n"
                "              precision    recall  f1-score   support\n\n"
                "       covid       0.50      0.75      0.12         4\n"
                "      normal       0.25      0.75      0.38         8\n\n"
                "    accuracy                           0.62        12\n"
                "   macro avg          -      0.60         -        12\n"));
  EXPECT_THAT(out, HasSubstr("            covid     normal\n"
                             " covid          2          2\n"
                             "normal          1          7\n"));
  EXPECT_LT(out.find("\nvalidation\n"), out.find("\ntest\n"));
}

TEST_F(ReadingVerbsTest, ShowOneSetAsScikitLearnPrintsIt) {
  AddSweep();
  const std::string out = Run({"show", "0000000000000001", "--split", "test",
                               "--zero-division", "0"})
                              .out;
  EXPECT_THAT(out, HasSubstr("   macro avg       1.00      1.00      1.00"));
  EXPECT_THAT(out, Not(HasSubstr("matrix of validation")));
  const Outcome unknown = Run({"show", "best", "--split", "x"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("there is: validation, test"));
}

TEST_F(ReadingVerbsTest, ShowATrialWithoutFigures) {
  AddSweep();
  const Outcome outcome = Run({"show", SampleTrialId(3)});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("state  pending"));
  EXPECT_THAT(outcome.out, HasSubstr("no figures yet"));
}

TEST_F(ReadingVerbsTest, StatusCountsAndExitCode) {
  const db::SweepId sweep = AddSweep();
  EXPECT_EQ(Run({"status"}).code, 0);
  EXPECT_EQ(Run({"status", "--exit-code"}).code, 3);
  EXPECT_THAT(Run({"status", "covid"}).out,
              StartsWith("covid  3 trials: 2 done, 1 pending\n"));
  db::CommitBatch batch;
  batch.trials = {
      {SampleTrialId(3), db::TrialState::kFailed, "loss is NaN\nat epoch 2"}};
  ASSERT_OK(store_->Commit(sweep, batch));
  EXPECT_EQ(Run({"status", "--exit-code"}).code, 1);
  EXPECT_THAT(Run({"status", "--watch"}).out,
              HasSubstr("failed 0000000000000003: loss is NaN\\nat epoch 2"));
  ASSERT_OK(store_->RegisterTrials(sweep, {SampleTrial(1), SampleTrial(2)}));
  EXPECT_EQ(Run({"status", "--exit-code"}).code, 0);
  EXPECT_THAT(Run({"status"}).out,
              HasSubstr("2 trials: 2 done (1 more are no longer in the spec)"));
  EXPECT_EQ(Run({"status", "nobody"}).code, 2);
  AddSweep("other");
  EXPECT_EQ(Run({"status", "--exit-code"}).code, 3);
  EXPECT_EQ(Run({"status", "covid", "--exit-code"}).code, 0);
}

TEST_F(ReadingVerbsTest, StatusSaysWhetherSomebodyWorks) {
  const db::SweepId sweep = AddSweep();
  ASSERT_OK(store_->PutRun(sweep, {.run = "r1", .host = "a", .pid = 7}));
  db::CommitBatch batch;
  batch.trials = {{SampleTrialId(3), db::TrialState::kRunning, ""}};
  ASSERT_OK(store_->Commit(sweep, batch));
  {
    const auto lock =
        RunLock::Take(WorkspaceLayout(folder_.path()), "r1", "host a");
    ASSERT_OK(lock.status());
    const std::string out = Run({"status"}).out;
    EXPECT_THAT(out, StartsWith("covid  3 trials: 2 done, 1 running\n"));
    EXPECT_THAT(out, HasSubstr("run on a, pid 7, 1 ranks, since "));
    EXPECT_THAT(out, HasSubstr("without an end so far\n"));
  }
  const std::string out = Run({"status"}).out;
  EXPECT_THAT(out, StartsWith("covid  3 trials: 2 done, 1 pending\n"));
  EXPECT_THAT(out, HasSubstr("gone without an end: the next run goes on\n"));
  batch.trials = {{SampleTrialId(3), db::TrialState::kFailed, "NaN"}};
  ASSERT_OK(store_->Commit(sweep, batch));
  EXPECT_THAT(Run({"status"}).out, Not(HasSubstr("gone")));
}

TEST_F(ReadingVerbsTest, CompareShowsOnlyParametersThatDiffer) {
  AddSweep();
  const std::string out = Run({"compare", SampleTrialId(1), "best"}).out;
  EXPECT_THAT(out, HasSubstr("model.dropout"));
  EXPECT_THAT(out, Not(HasSubstr("model.head")));
  EXPECT_THAT(out, HasSubstr("validation balanced_accuracy"));
  EXPECT_THAT(Run({"compare", SampleTrialId(1), "best", "-f", "csv"}).out,
              HasSubstr("validation balanced_accuracy,0.5000,0.6250\n"));
  EXPECT_EQ(Run({"compare"}).code, 2);
}

TEST_F(ReadingVerbsTest, CompareByAxisAveragesOverTheOthers) {
  AddSweep();
  EXPECT_EQ(Run({"compare", "--by", "head", "-f", "csv"}).out,
            "model.head,trials,validation mean recall/covid,lowest,highest,"
            "accuracy,test mean\n[64],2,0.75,0.75,0.75,0.625,0.25\n");
  const Outcome unknown = Run({"compare", "--by", "x"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("model.dropout, model.head"));
}

TEST_F(ReadingVerbsTest, DataTablesCountImagesPatientsAndReasons) {
  const db::SweepId sweep = AddSweep();
  db::CommitBatch batch;
  db::ImageRow broken = SampleImage("d.png", "");
  broken.left_out = "cannot be decoded: bad marker";
  batch.images = db::ImageTable{
      1,
      {SampleImage("a.png", "train"), SampleImage("b.png", "test"),
       SampleImage("c.png", ""), broken}};
  ASSERT_OK(store_->Commit(sweep, batch));
  const auto text = DataTables(folder_.path().string(), "covid");
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  EXPECT_THAT(*text, HasSubstr("covid  cohen   train       1         1\n"));
  EXPECT_THAT(*text, HasSubstr("cannot be decoded"));
  EXPECT_THAT(*text, Not(HasSubstr("bad marker")));
  EXPECT_THAT(*text, HasSubstr("duplicate of a.png"));
}

}  // namespace
}  // namespace besom::cli
