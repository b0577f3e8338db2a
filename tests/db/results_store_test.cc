#include "db/results_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <limits>

#include "db/connection.h"
#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using testing::Done;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Lines;
using testing::SampleFit;
using testing::SampleImage;
using testing::SampleSweep;
using testing::SampleTrial;
using testing::SampleTrialId;
using testing::ScratchFolder;

/// The contract of the store, in every journal mode.
class ResultsStoreTest : public ::testing::TestWithParam<JournalMode> {
 protected:
  ScratchFolder folder_;
  const Path path_ = folder_ / "deep" / "besom.db";
  std::unique_ptr<ResultsStore> store_ = OpenStore();
  const SweepId sweep_ = *store_->PutSweep(SampleSweep());

  std::unique_ptr<ResultsStore> OpenStore() {
    auto store = ResultsStore::Open(path_, {.journal = GetParam()});
    EXPECT_TRUE(store.ok()) << store.status().ToString();
    return *std::move(store);
  }
  ActionRow SampleAction(const std::string& key, const std::string& stage,
                         const std::string& space = "") {
    ActionRow action;
    action.key = key;
    action.stage = stage;
    action.version = 2;
    action.space = space;
    action.params = R"({"size":224})";
    action.label = "shard 0";
    action.seconds = 4;
    action.counters = {{"images", 64}, {"hits", 1}};
    action.host = "node1";
    action.rank = 3;
    action.finished = 1234.5;
    action.blobs = {{"a", std::string(64, 'a'), 10},
                    {"b", std::string(64, 'b'), std::uint64_t{1} << 40}};
    return action;
  }
};

TEST_P(ResultsStoreTest, JournalModeIsTheOneAsked) {
  EXPECT_THAT(Lines(path_, "PRAGMA journal_mode"),
              ElementsAre(GetParam() == JournalMode::kWal ? "wal" : "delete"));
}

TEST_P(ResultsStoreTest, SweepComesBackAsPutAndKeepsItsIdAndBirth) {
  SweepRow changed = SampleSweep();
  changed.seed = std::numeric_limits<std::uint64_t>::max();
  changed.then.push_back({"loss", "loss", "", false});
  changed.allow_test = true;
  changed.time = 2000;
  EXPECT_EQ(*store_->PutSweep(changed), sweep_);
  const auto found = *store_->FindSweep("covid");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, sweep_);
  EXPECT_EQ(found->created, 1000);
  EXPECT_EQ(found->row.time, 2000);
  EXPECT_EQ(found->row.seed, changed.seed);
  EXPECT_EQ(found->row.spec_yaml, changed.spec_yaml);
  EXPECT_EQ(found->row.numerics, changed.numerics);
  EXPECT_EQ(found->row.metric.label, "recall/covid");
  EXPECT_EQ(found->row.metric.cls, "covid");
  EXPECT_EQ(found->row.split, "validation");
  ASSERT_EQ(found->row.then.size(), 2u);
  EXPECT_EQ(found->row.then[1].name, "loss");
  EXPECT_FALSE(found->row.then[1].maximize);
  EXPECT_TRUE(found->row.allow_test);
  EXPECT_FALSE(store_->FindSweep("nobody")->has_value());
}

TEST_P(ResultsStoreTest, RegisteringAgainKeepsWhatIsDone) {
  ASSERT_OK(store_->RegisterTrials(
      sweep_, {SampleTrial(0), SampleTrial(1), SampleTrial(2)}));
  CommitBatch batch = Done({SampleFit(SampleTrialId(0), {})});
  batch.trials.push_back({SampleTrialId(1), TrialState::kRunning, ""});
  batch.trials.push_back({SampleTrialId(2), TrialState::kFailed, "NaN loss"});
  ASSERT_OK(store_->Commit(sweep_, batch));
  TrialRow moved = SampleTrial(0);
  moved.ordinal = 9;
  ASSERT_OK(
      store_->RegisterTrials(sweep_, {SampleTrial(3), SampleTrial(1), moved}));
  const auto trials = *store_->TrialStates(sweep_);
  ASSERT_EQ(trials.size(), 4u);
  const auto said = [&](std::size_t i) {
    return std::string(NameOf(trials[i].state)) +
           (trials[i].planned ? " planned " : " unplanned ") +
           trials[i].trial.substr(15) + trials[i].error;
  };
  EXPECT_EQ(said(0), "pending planned 1");  // It was running: that run is gone.
  EXPECT_EQ(said(1), "pending planned 3");
  EXPECT_EQ(said(2), "done planned 0");
  EXPECT_EQ(said(3), "failed unplanned 2NaN loss");
  EXPECT_EQ(trials[2].fits_recorded, 1);
  EXPECT_EQ(trials[1].fits_recorded, 0);
}

TEST_P(ResultsStoreTest, DoneNeedsTheRowsOfAllFits) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0, 2)}));
  const Status early =
      store_->Commit(sweep_, Done({SampleFit(SampleTrialId(0), {}, 0, 0)}));
  EXPECT_EQ(early.code(), StatusCode::kInternal);
  EXPECT_THAT(early.ToString(), HasSubstr("1 of 2 fits"));
  EXPECT_THAT(Lines(path_, "SELECT * FROM metrics"), IsEmpty());
  EXPECT_THAT(Lines(path_, "SELECT state FROM trials"), ElementsAre("pending"));
}

TEST_P(ResultsStoreTest, AnUnknownTrialUndoesTheWholeBatch) {
  CommitBatch batch;
  batch.actions = {SampleAction("k", "ingest")};
  batch.fits = {SampleFit("nobody", {})};
  EXPECT_EQ(store_->Commit(sweep_, batch).code(), StatusCode::kInternal);
  EXPECT_FALSE(store_->FindAction("k")->has_value());
}

TEST_P(ResultsStoreTest, ActionsComeBackWithTheirBlobs) {
  CommitBatch batch;
  batch.actions = {SampleAction("k2", "features", "s1"),
                   SampleAction("k1", "features", "s2"),
                   SampleAction("k3", "ingest")};
  batch.actions[2].blobs.clear();
  ASSERT_OK(store_->Commit(sweep_, batch));
  store_ = OpenStore();
  const auto action = *store_->FindAction("k2");
  ASSERT_TRUE(action.has_value());
  EXPECT_EQ(action->stage, "features");
  EXPECT_EQ(action->version, 2);
  EXPECT_EQ(action->params, R"({"size":224})");
  EXPECT_EQ(action->counters, (Json{{"images", 64}, {"hits", 1}}));
  EXPECT_EQ(action->rank, 3);
  EXPECT_EQ(action->finished, 1234.5);
  EXPECT_EQ(action->blobs, batch.actions[0].blobs);
  EXPECT_THAT((*store_->FindAction("k3"))->blobs, IsEmpty());
  EXPECT_FALSE(store_->FindAction("k4")->has_value());

  const auto several = *store_->FindActionsByKey({"k3", "k4", "k2", "k3"});
  ASSERT_EQ(several.size(), 4u);
  EXPECT_EQ(several[0]->stage, "ingest");
  EXPECT_FALSE(several[1].has_value());
  EXPECT_EQ(several[2]->blobs, batch.actions[0].blobs);
  EXPECT_EQ(several[3]->key, "k3");

  EXPECT_EQ(store_->FindActions("features")->size(), 2u);
  EXPECT_EQ(store_->FindActions("features")->front().key, "k1");
  const auto in_space = *store_->FindActions("features", "s1");
  ASSERT_EQ(in_space.size(), 1u);
  EXPECT_EQ(in_space[0].key, "k2");
  EXPECT_THAT(*store_->FindActions("evaluate"), IsEmpty());

  ASSERT_OK(store_->ForgetActions({"k2", "unknown"}));
  EXPECT_FALSE(store_->FindAction("k2")->has_value());
  EXPECT_THAT(Lines(path_, "SELECT key, port FROM blob"),
              ElementsAre("k1|a", "k1|b"));
}

TEST_P(ResultsStoreTest, TheSameRowsAgainChangeNothing) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0)}));
  CommitBatch batch = Done({SampleFit(SampleTrialId(0), {})});
  batch.actions = {SampleAction("k1", "fine_tune")};
  batch.hits = {{"ingest", "k0"}};
  batch.images =
      ImageTable{1,
                 {SampleImage("a.png", "validation"),
                  SampleImage("b.png", "test"), SampleImage("c.png", "")}};
  const std::vector<std::string> views = {
      "trials",      "metrics",     "confusion_matrix", "classification_report",
      "predictions", "leaderboard", "images",           "data_summary",
      "task_times"};
  std::vector<std::vector<std::string>> first;
  ASSERT_OK(store_->Commit(sweep_, batch));
  for (const auto& view : views) {
    first.push_back(Lines(path_, "SELECT * FROM " + view));
    EXPECT_FALSE(first.back().empty()) << view;
  }
  ASSERT_OK(store_->Commit(sweep_, batch));
  for (std::size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ(Lines(path_, "SELECT * FROM " + views[i]), first[i]) << views[i];
  }
}

TEST_P(ResultsStoreTest, AnEvaluationReplacesTheOlderOneWhole) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0)}));
  FitRow fit = SampleFit(SampleTrialId(0), {});
  ASSERT_OK(store_->Commit(sweep_, Done({fit})));
  fit.sets.pop_back();
  fit.sets[0].metrics.resize(1);
  fit.history.clear();
  ASSERT_OK(store_->Commit(sweep_, Done({fit})));
  EXPECT_THAT(Lines(path_, "SELECT split, class, name FROM metrics"),
              ElementsAre("validation|covid|recall"));
  EXPECT_THAT(Lines(path_, "SELECT image FROM predictions"),
              ElementsAre("cohen/a.png"));
}

TEST_P(ResultsStoreTest, MetricsShowNullWhereInterfaceSaysSo) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0)}));
  FitRow fit = SampleFit(SampleTrialId(0), {.recall = std::nullopt});
  fit.sets[0].metrics[1].value = std::numeric_limits<double>::quiet_NaN();
  ASSERT_OK(store_->Commit(sweep_, Done({fit})));
  EXPECT_THAT(
      Lines(path_,
            "SELECT repeat, fold, epoch, class, value, low, method FROM "
            "metrics WHERE name = 'recall' AND split = 'validation' "
            "ORDER BY class"),
      ElementsAre("0|0|NULL|covid|NULL|NULL|NULL",
                  "0|0|NULL|macro avg|0.6|NULL|NULL",
                  "0|0|NULL|normal|NULL|NULL|NULL"));
  EXPECT_THAT(Lines(path_,
                    "SELECT class, value FROM metrics WHERE name = "
                    "'accuracy' AND split = 'test'"),
              ElementsAre("NULL|0.625"));
  EXPECT_THAT(Lines(path_,
                    "SELECT epoch, split, name, value FROM metrics "
                    "WHERE epoch IS NOT NULL"),
              ElementsAre("0|train|loss|1.5", "1|train|loss|1"));
}

TEST_P(ResultsStoreTest, ReportConfusionAndPredictionsByClassName) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0)}));
  ASSERT_OK(store_->Commit(sweep_, Done({SampleFit(SampleTrialId(0), {})})));
  EXPECT_THAT(Lines(path_,
                    "SELECT class, precision, recall, f1, support FROM "
                    "classification_report WHERE split = 'validation'"),
              ElementsAre("covid|0.5|0.5|0.125|4", "macro avg|NULL|0.6|NULL|12",
                          "normal|0.25|0.75|0.375|8"));
  EXPECT_THAT(Lines(path_,
                    "SELECT actual, predicted, count FROM "
                    "confusion_matrix WHERE split = 'validation'"),
              ElementsAre("covid|covid|2", "covid|normal|2", "normal|covid|1",
                          "normal|normal|7"));
  EXPECT_THAT(Lines(path_,
                    "SELECT split, image, actual, predicted, "
                    "probabilities FROM predictions"),
              ElementsAre("test|cohen/b.png|normal|normal|[0.5,0.5]",
                          "validation|cohen/a.png|covid|normal|[0.25,0.75]"));
}

TEST_P(ResultsStoreTest, ViewsDoNotDependOnTheOrderOfCommits) {
  const auto rows = [&](const std::string& name, std::vector<int> order) {
    const SweepId sweep = *store_->PutSweep(SampleSweep(name));
    EXPECT_TRUE(store_->RegisterTrials(sweep, {SampleTrial(0, 3)}).ok());
    for (const int fold : order) {
      CommitBatch batch;
      FitRow fit =
          SampleFit(SampleTrialId(0), {.recall = 0.1 * (fold + 1)}, 0, fold);
      std::reverse(fit.sets.begin(), fit.sets.end());
      if (fold == 1) std::reverse(fit.sets.begin(), fit.sets.end());
      batch.fits = {fit};
      EXPECT_TRUE(store_->Commit(sweep, batch).ok());
    }
    return Lines(path_,
                 "SELECT trial, repeat, fold, split, epoch, class, "
                 "name, printf('%.17g', value) FROM metrics WHERE "
                 "sweep = '" +
                     name + "'");
  };
  EXPECT_EQ(rows("one", {0, 1, 2}), rows("two", {2, 0, 1}));
}

TEST_P(ResultsStoreTest, ImagesListEveryOneAndWhyItIsLeftOut) {
  CommitBatch batch;
  ImageRow folded = SampleImage("f.png", "train");
  folded.sets = {"train", "validation", "", "test"};
  batch.images = ImageTable{2, {folded, SampleImage("c.png", "")}};
  ASSERT_OK(store_->Commit(sweep_, batch));
  EXPECT_THAT(Lines(path_,
                    "SELECT image, label, \"group\", repeat, fold, "
                    "split, left_out, width, mode FROM images "
                    "ORDER BY image, repeat, fold"),
              ElementsAre("cohen/c.png|covid|p1|0|0|NULL|duplicate of "
                          "a.png|NULL|NULL",
                          "cohen/f.png|covid|p1|0|0|train|NULL|320|L",
                          "cohen/f.png|covid|p1|0|1|validation|NULL|320|L",
                          "cohen/f.png|covid|p1|1|1|test|NULL|320|L"));
  EXPECT_THAT(Lines(path_,
                    "SELECT class, source, split, images, patients, "
                    "left_out FROM data_summary WHERE repeat = 0 AND "
                    "fold = 0"),
              ElementsAre("covid|cohen|NULL|1|1|duplicate of a.png",
                          "covid|cohen|train|1|1|NULL"));
  // A changed spec lists other images; the old ones are no longer shown.
  batch.images = ImageTable{1, {SampleImage("c.png", "train")}};
  ASSERT_OK(store_->Commit(sweep_, batch));
  EXPECT_THAT(Lines(path_, "SELECT image, split, left_out FROM images"),
              ElementsAre("cohen/c.png|train|NULL"));
}

TEST_P(ResultsStoreTest, TaskTimesCountWorkOnceAcrossResumes) {
  CommitBatch batch;
  batch.actions = {SampleAction("k1", "features"),
                   SampleAction("k2", "features")};
  batch.hits = {{"features", "k3"}};
  ASSERT_OK(store_->Commit(sweep_, batch));
  CommitBatch resumed;
  resumed.hits = {{"features", "k1"}, {"features", "k2"}, {"features", "k3"}};
  ASSERT_OK(store_->Commit(sweep_, resumed));
  const SweepId other = *store_->PutSweep(SampleSweep("other"));
  ASSERT_OK(store_->Commit(other, resumed));
  EXPECT_THAT(
      Lines(path_,
            "SELECT sweep, stage, tasks, cached, seconds, "
            "images_per_second FROM task_times"),
      ElementsAre("covid|features|3|1|8|16", "other|features|3|3|0|NULL"));
}

TEST_P(ResultsStoreTest, AttemptsAndEventsTellWhatHappened) {
  CommitBatch batch;
  AttemptRow lost{"k1", "fine_tune", SampleTrialId(0),  "node2", "cuda:1", 5,
                  9,    "lost",      "killed \"hard\"", 0.5,     1.5};
  AttemptRow shared{"k0", "ingest", "", "node1", "cpu", 0, 0, "done", "", 1, 2};
  batch.attempts = {lost, shared};
  batch.events = {{86400.25, "rank_lost", {{"rank", 5}}}};
  ASSERT_OK(store_->Commit(sweep_, batch));
  EXPECT_THAT(
      Lines(path_,
            "SELECT trial, task, host, device, rank, signal, outcome, "
            "message, started, seconds FROM attempts"),
      ElementsAre(SampleTrialId(0) + "|k1|node2|cuda:1|5|9|lost|killed "
                                     "\"hard\"|1970-01-01T00:00:00.500Z|1.5",
                  "NULL|k0|node1|cpu|0|NULL|done|NULL|1970-01-01T00:00:01."
                  "000Z|2"));
  EXPECT_THAT(Lines(path_, "SELECT time, kind, text FROM events"),
              ElementsAre("1970-01-02T00:00:00.250Z|rank_lost|{\"rank\":5}"));
}

TEST_P(ResultsStoreTest, FileDigestsHoldWhileTheStatIsTheSame) {
  const FileStat stat{100, 1234567890123456789, 42};
  FileStat touched = stat;
  touched.mtime_ns += 1;
  ASSERT_OK(store_->PutFileDigests({{"/a", stat, "aa"}, {"/b", stat, "bb"}}));
  ASSERT_OK(store_->PutFileDigests({{"/a", touched, "cc"}}));
  EXPECT_THAT(*store_->FindFileDigests(
                  {{"/a", stat}, {"/b", stat}, {"/a", touched}, {"/c", stat}}),
              ElementsAre(std::nullopt, "bb", "cc", std::nullopt));
}

TEST_P(ResultsStoreTest, OpenRunsAreThoseWithoutAnEnd) {
  RunRow first{"r1", "node1", 77, "", 4, 10, std::nullopt, ""};
  RunRow second{"r2", "node2", 78, "4711", 8, 20, std::nullopt, ""};
  ASSERT_OK(store_->PutRun(sweep_, second));
  ASSERT_OK(store_->PutRun(sweep_, first));
  EXPECT_EQ(store_->OpenRuns(sweep_)->front().run, "r1");
  first.ended = 30;
  first.outcome = "done";
  ASSERT_OK(store_->PutRun(sweep_, first));
  const auto open = *store_->OpenRuns(sweep_);
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(open[0].pid, 78);
  EXPECT_EQ(open[0].job, "4711");
}

TEST_P(ResultsStoreTest, OpenRunsOfAllSweeps) {
  SweepRow other = SampleSweep();
  other.name = "other";
  const SweepId other_id = *store_->PutSweep(other);
  ASSERT_OK(store_->PutRun(sweep_, {"r1", "node1", 77}));
  ASSERT_OK(store_->PutRun(other_id, {"r2", "node2", 78}));
  EXPECT_EQ(store_->OpenRuns(sweep_)->size(), 1u);
  EXPECT_EQ(store_->OpenRuns()->size(), 2u);
}

TEST_P(ResultsStoreTest, ARunThatWasTakenOverChangesNothingAnyMore) {
  ASSERT_OK(store_->RegisterTrials(sweep_, {SampleTrial(0)}));
  store_->WriteAs("r1");
  RunRow robbed{"r1", "node1", 77, "4711"};
  ASSERT_OK(store_->PutRun(sweep_, robbed));
  CommitBatch batch;
  batch.actions = {SampleAction("k1", "split")};
  batch.trials = {{SampleTrialId(0), TrialState::kRunning, ""}};
  ASSERT_OK(store_->Commit(sweep_, batch));
  const auto thief = OpenStore();
  ASSERT_OK(thief->TakeOverRun("r1", "--steal", 90000.25));

  const auto before = Lines(path_,
                            "SELECT * FROM trials UNION ALL "
                            "SELECT key, stage, '', '', '' FROM action");
  batch.actions = {SampleAction("k2", "split")};
  batch.trials = {{SampleTrialId(0), TrialState::kFailed, "late"}};
  robbed.ended = 5;
  robbed.outcome = "finished";
  for (const Status& refused :
       {store_->Commit(sweep_, batch), store_->PutRun(sweep_, robbed),
        store_->RegisterTrials(sweep_, {}), store_->ForgetActions({"k1"}),
        store_->TakeOverRun("r2", "revenge", 1),
        store_->PutSweep(SampleSweep()).status()}) {
    EXPECT_EQ(refused.code(), StatusCode::kInterrupted) << refused.ToString();
    EXPECT_THAT(refused.cause(), HasSubstr("taken"));
  }
  EXPECT_EQ(Lines(path_,
                  "SELECT * FROM trials UNION ALL "
                  "SELECT key, stage, '', '', '' FROM action"),
            before);
  EXPECT_THAT(Lines(path_, "SELECT kind, text FROM events"),
              ElementsAre("run_taken_over|{\"host\":\"node1\",\"job\":"
                          "\"4711\",\"pid\":77,\"run\":\"r1\",\"why\":"
                          "\"--steal\"}"));
  // It stays open, so that what it had stored is still looked for.
  ASSERT_EQ(thief->OpenRuns(sweep_)->size(), 1u);
  EXPECT_EQ(thief->OpenRuns(sweep_)->front().outcome, ResultsStore::kTakenOver);
  ASSERT_OK(thief->Commit(sweep_, batch));
}

TEST_P(ResultsStoreTest, ARunThatNobodyKnowsCanBeTakenOver) {
  ASSERT_OK(store_->TakeOverRun("no such run", "--steal", 1));
  EXPECT_THAT(Lines(path_, "SELECT kind FROM events"), IsEmpty());
}

TEST_P(ResultsStoreTest, AReaderSeesOneSnapshotWhileTheWriterGoesOn) {
  const auto reader = *Reader::Open(path_);
  ASSERT_OK(store_->PutSweep(SampleSweep("b")).status());
  const std::string count = "SELECT count(*) FROM sweeps";
  EXPECT_EQ(IntegerOf(reader->Query(count)->rows[0][0]), 1);
  EXPECT_THAT(Lines(path_, count), ElementsAre("2"));
}

INSTANTIATE_FOR_JOURNAL_MODES(ResultsStoreTest);

// Two runs that begin in a new workspace at once open its file at once.
TEST(OpeningTogether, TheSwitchOfTheJournalModeWaitsForAnotherWriter) {
  const ScratchFolder folder;
  const Path path = folder / "besom.db";
  auto other = Connection::OpenWritable(path, std::chrono::milliseconds(0));
  ASSERT_TRUE(other.ok() && other->Execute("BEGIN IMMEDIATE").ok());
  auto opening = std::async(std::launch::async,
                            [&] { return ResultsStore::Open(path, {}); });
  opening.wait_for(std::chrono::milliseconds(200));
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  const auto opened = opening.get();
  EXPECT_TRUE(opened.ok()) << opened.status().ToString();
}

}  // namespace
}  // namespace besom::db
