// What several databases hold of one sweep becomes what one would have held.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "db/connection.h"
#include "db/results_store.h"
#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using testing::Done;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Lines;
using ::testing::Not;
using testing::SampleFit;
using testing::SampleImage;
using testing::SampleSweep;
using testing::SampleTrial;
using testing::SampleTrialId;
using testing::ScratchFolder;

/// All that a user can ask for, and what the views do not show.
constexpr std::array kRows = {
    "SELECT * FROM sweeps",
    "SELECT * FROM bounds",
    "SELECT * FROM weights",
    "SELECT * FROM trials",
    "SELECT * FROM fits",
    "SELECT * FROM metrics",
    "SELECT * FROM thresholds",
    "SELECT * FROM confusion_matrix",
    "SELECT * FROM predictions",
    "SELECT * FROM curves",
    "SELECT * FROM images",
    "SELECT * FROM attempts",
    "SELECT * FROM events",
    "SELECT * FROM runs",
    "SELECT * FROM leaderboard",
    "SELECT * FROM task_times",
    "SELECT * FROM audit",
    "SELECT * FROM action",
    "SELECT * FROM blob",
    "SELECT key, stage, cached FROM task",
    "SELECT label, position, split, maximize FROM criterion",
    "SELECT source, path, listed, later, content FROM image"};

using Rows = std::map<std::string, std::vector<std::string>>;
Rows RowsOf(const Path& database) {
  Rows rows;
  for (const char* sql : kRows) {
    rows[sql] = Lines(database, sql);
    std::sort(rows[sql].begin(), rows[sql].end());
  }
  return rows;
}

/// What one shard commits: two trials, the first with two fits, and tasks; all
/// shards run or find the shared task.
CommitBatch WorkOf(int shard) {
  const auto fit = [](int trial, int fold) {
    FitRow row = SampleFit(SampleTrialId(trial), {}, 0, fold);
    row.threshold = ThresholdRow{"covid", "recall/covid >= 0.7", 0.5, 1, true};
    row.sets[0].decided = {{"recall", "covid", 0.25 * trial}};
    row.sets[0].curves = {{"roc", "covid", 0.5, 0.25, 0.125 * fold}};
    row.sets[0].metrics[0].value = 0.125 * trial + 0.0625 * fold;
    // Their numbers differ from part to part.
    row.sets[0].predictions[0].path = fmt::format("bare{}.png", trial);
    return row;
  };
  const int first = 2 * shard;
  CommitBatch batch = Done({fit(first, 0), fit(first, 1), fit(first + 1, 0)});
  batch.trials.erase(batch.trials.begin());
  batch.images = ImageTable{2, {}};
  for (const char* path : {"a.png", "b.png", "c.png"}) {
    ImageRow image = SampleImage(path, "train");
    image.sets = {"validation", "train"};
    batch.images->images.push_back(image);
  }
  batch.images->images.push_back(SampleImage("out.png", ""));
  if (shard == 1)
    std::reverse(batch.images->images.begin(), batch.images->images.end());
  const auto action = [&](const std::string& key) {
    ActionRow row;
    row.key = key;
    row.stage = "features";
    row.seconds = 2;
    row.counters = {{"images", 8}};
    row.blobs = {{"features", std::string(64, key.back()), 7}};
    return row;
  };
  batch.actions = {action(fmt::format("own{}", shard))};
  if (shard == 0)
    batch.actions.push_back(action("shared"));
  else
    batch.hits = {{"features", "shared"}};
  for (const ActionRow& row : batch.actions)
    batch.attempts.push_back({row.key, "features", "", "host", "cpu", shard, 0,
                              "done", "", 100.0 + shard, 2});
  batch.events = {{50.0 + shard, "begun", {{"shard", shard}}}};
  if (shard == 0) {
    AuditRow figure;
    figure.probe = "ring";
    figure.may_alarm = true;
    figure.method = "none";
    batch.audit = AuditTable{figure};
  }
  return batch;
}

SweepRow Sweep() {
  SweepRow sweep = SampleSweep();
  sweep.bounds = {{"recall/covid >= 0.1", "recall", "covid", true, 0.1}};
  sweep.weights = {{"vgg16", "imagenet", "", "d", "", "", "{}"}};
  return sweep;
}

RunRow RunOf(int shard) {
  RunRow run;
  run.run = fmt::format("run{}", shard);
  run.host = "host";
  run.started = 1 + shard;
  run.ended = 9;
  run.outcome = "finished";
  return run;
}

std::vector<TrialRow> TrialsOf(int shard) {
  return {SampleTrial(2 * shard, 2), SampleTrial(2 * shard + 1)};
}

class PartMergeTest : public ::testing::Test {
 protected:
  static constexpr int kShards = 2;

  /// A database that holds these shards' work.
  Path Write(const std::string& name, const std::vector<int>& shards) {
    const Path path = folder_ / name;
    const auto store = *ResultsStore::Open(path);
    const SweepId sweep = *store->PutSweep(Sweep());
    std::vector<TrialRow> trials;
    for (const int shard : shards)
      for (TrialRow& trial : TrialsOf(shard)) trials.push_back(trial);
    EXPECT_TRUE(store->RegisterTrials(sweep, trials).ok());
    for (const int shard : shards) {
      EXPECT_TRUE(store->PutRun(sweep, RunOf(shard)).ok());
      EXPECT_TRUE(store->Commit(sweep, WorkOf(shard)).ok());
    }
    return path;
  }
  Path Part(int shard) {
    return Write(fmt::format("{}-of-2.db", shard), {shard});
  }
  std::unique_ptr<ResultsStore> Main() {
    return *ResultsStore::Open(folder_ / "besom.db");
  }

  ScratchFolder folder_;
  const Path main_ = folder_ / "besom.db";
};

TEST_F(PartMergeTest, PartsBecomeWhatOneRunWouldHaveWritten) {
  const Rows one = RowsOf(Write("one.db", {0, 1}));
  const auto main = Main();
  for (const int shard : {1, 0})
    ASSERT_OK(main->MergePart("covid", Part(shard)));
  const Rows merged = RowsOf(main_);
  for (const char* sql : kRows) {
    EXPECT_EQ(merged.at(sql), one.at(sql)) << sql;
    EXPECT_THAT(one.at(sql), Not(IsEmpty())) << sql;
  }
}

/// A new table is to be merged, or named here; then filled by WorkOf.
TEST_F(PartMergeTest, EveryTableHasRowsInTheseTests) {
  const Path one = Write("one.db", {0, 1});
  const auto empty = [&](const std::string& table) {
    return Lines(one, "SELECT count(*) FROM " + table)[0] == "0";
  };
  std::vector<std::string> unused;
  for (const std::string& table :
       Lines(one,
             "SELECT name FROM sqlite_master WHERE type = 'table' AND "
             "name NOT LIKE 'sqlite%' ORDER BY name"))
    if (empty(table)) unused.push_back(table);
  EXPECT_THAT(unused, ElementsAre("claim", "comparison", "file_digest"));
}

TEST_F(PartMergeTest, MergedAgainNothingChanges) {
  const auto main = Main();
  const Path part = Part(0);
  ASSERT_OK(main->MergePart("covid", part));
  const Rows once = RowsOf(main_);
  ASSERT_OK(main->MergePart("covid", part));
  EXPECT_EQ(RowsOf(main_), once);
}

TEST_F(PartMergeTest, WhatComesToAMergedPartComesWithTheNextMerge) {
  const Path part = Part(0);
  const auto main = Main();
  ASSERT_OK(main->MergePart("covid", part));
  {
    const auto store = *ResultsStore::Open(part);
    CommitBatch more;
    more.events = {{60, "resumed", {}}};
    ASSERT_OK(store->Commit(store->FindSweep("covid").value()->id, more));
  }
  ASSERT_OK(main->MergePart("covid", part));
  EXPECT_THAT(Lines(main_, "SELECT kind FROM events ORDER BY time"),
              ElementsAre("begun", "resumed"));
}

TEST_F(PartMergeTest, AMergeThatFailsAtItsEndLeavesNothing) {
  const auto main = Main();
  ASSERT_OK(main->MergePart("covid", Part(1)));
  const Rows before = RowsOf(main_);
  const Path part = Part(0);
  {
    Connection db = *Connection::OpenWritable(main_, std::chrono::seconds(9));
    ASSERT_OK(
        db.Execute("CREATE TRIGGER stop BEFORE INSERT ON audit_figure "
                   "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"));
  }
  EXPECT_FALSE(main->MergePart("covid", part).ok());
  EXPECT_EQ(RowsOf(main_), before);
  {
    Connection db = *Connection::OpenWritable(main_, std::chrono::seconds(9));
    ASSERT_OK(db.Execute("DROP TRIGGER stop"));
  }
  ASSERT_OK(main->MergePart("covid", part));
  EXPECT_EQ(RowsOf(main_), RowsOf(Write("one.db", {0, 1})));
}

TEST_F(PartMergeTest, WhatHasNotEndedInThePartStandsAsItStood) {
  const Path part = Part(0);
  const auto main = Main();
  ASSERT_OK(main->MergePart("covid", part));
  {
    const auto store = *ResultsStore::Open(part);
    const SweepId sweep = store->FindSweep("covid").value()->id;
    CommitBatch change;
    change.trials = {{SampleTrialId(0), TrialState::kRunning, ""},
                     {SampleTrialId(1), TrialState::kFailed, "why"}};
    ASSERT_OK(store->Commit(sweep, change));
  }
  ASSERT_OK(main->MergePart("covid", part));
  EXPECT_THAT(Lines(main_, "SELECT state, error FROM trials ORDER BY trial"),
              ElementsAre("done|NULL", "failed|why"));
}

TEST_F(PartMergeTest, AFitOfThePartTakesThePlaceOfTheOneThatIsThere) {
  const Path part = Part(0);
  const auto main = Main();
  ASSERT_OK(main->MergePart("covid", part));
  const SweepId sweep = main->FindSweep("covid").value()->id;
  const Rows before = RowsOf(main_);
  FitRow other = SampleFit(SampleTrialId(1), {.recall = 0.75});
  other.sets[1].split = "gone";
  ASSERT_OK(main->Commit(sweep, Done({other})));
  EXPECT_NE(RowsOf(main_), before);
  ASSERT_OK(main->MergePart("covid", part));
  EXPECT_EQ(RowsOf(main_), before);
}

/// Killed between the merge and the removal of the part, a run merges it again
/// when trials of it may have been evaluated on further sets.
TEST_F(PartMergeTest, MergedAgainSetsThatWereEvaluatedLaterStay) {
  const auto main = Main();
  const Path part = Part(0);
  ASSERT_OK(main->MergePart("covid", part));
  const SweepId sweep = main->FindSweep("covid").value()->id;
  CommitBatch batch;
  for (const auto& [trial, fold] : {std::pair(0, 0), {0, 1}, {1, 0}}) {
    FitRow& fit = batch.later_sets.emplace_back();
    fit.trial = SampleTrialId(trial);
    fit.fold = fold;
    fit.classes = {"covid", "normal"};
    SetRow& set = fit.sets.emplace_back();
    set.split = "ward";
    set.metrics = {{"recall", "covid", 0.5}};
    set.decided = {{"recall", "covid", 0.25}};
    set.confusion = {{1, 0}, {0, 0}};
    set.predictions = {{"ward", "w.png", 0, 0, {0.75, 0.25}}};
    set.curves = {{"covid", "roc", 0, 1, 0.75}};
  }
  ImageRow image = SampleImage("w.png", "ward");
  image.source = "ward";
  batch.later_images = ImageTable{1, {image}};
  ASSERT_OK(main->Commit(sweep, batch));
  const Rows before = RowsOf(main_);
  ASSERT_OK(main->MergePart("covid", part));
  EXPECT_EQ(RowsOf(main_), before);

  // Another head has not been evaluated on them, nor the mean of its trial.
  {
    const auto store = *ResultsStore::Open(part);
    FitRow again = WorkOf(0).fits[0];
    again.head_digest = std::string(64, 'e');
    CommitBatch change;
    change.fits = {again};
    ASSERT_OK(store->Commit(store->FindSweep("covid").value()->id, change));
  }
  ASSERT_OK(main->MergePart("covid", part));
  EXPECT_THAT(Lines(main_,
                    "SELECT trial, fold FROM metrics WHERE split = 'ward' AND "
                    "rule = 'largest' ORDER BY 1, 2"),
              ElementsAre(SampleTrialId(0) + "|1", SampleTrialId(1) + "|0"));
}

TEST_F(PartMergeTest, APartOfNothingAndAMissingOne) {
  const auto main = Main();
  ASSERT_OK(ResultsStore::Open(folder_ / "empty.db").status());
  ASSERT_OK(main->MergePart("covid", folder_ / "empty.db"));
  EXPECT_THAT(Lines(main_, "SELECT name FROM sweep"), IsEmpty());
  EXPECT_EQ(main->MergePart("covid", folder_ / "missing.db").code(),
            StatusCode::kNotFound);
  EXPECT_FALSE(StatFile(folder_ / "missing.db").ok());
}

TEST_F(PartMergeTest, ARemovedPartLeavesNoFile) {
  const Path part = Part(0);
  ASSERT_OK(WriteFileAtomic(part.string() + "-wal", "x"));
  ASSERT_OK(RemovePart(part));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  ASSERT_OK(RemovePart(part));
}

}  // namespace
}  // namespace besom::db
