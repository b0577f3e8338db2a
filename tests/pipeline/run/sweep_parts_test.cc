// Parts of a sweep: who may begin, and when they are merged.
#include "pipeline/run/sweep_parts.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/connection.h"
#include "db/schema.h"
#include "pipeline/run/part_states.h"
#include "pipeline/run/standing.h"
#include "pipeline/run/take_sweep.h"
#include "pipeline/store/task_notes.h"
#include "tests/db/sample_sweep.h"
#include "tests/fakes/fake_job_states.h"
#include "tests/fakes/manual_clock.h"

namespace besom::run {
namespace {

using db::testing::SampleFit;
using db::testing::SampleTrial;
using db::testing::SampleTrialId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SweepPartsTest : public ::testing::Test {
 protected:
  static constexpr int kShards = 2;

  RunOptions Options(std::optional<int> shard, int count = kShards) {
    RunOptions options;
    if (shard) options.shard = SweepShard{count, *shard};
    return options;
  }
  SweepParts Parts() {
    return {layout_,
            "covid",
            judge_,
            clock_,
            false,
            [this] { return stop_; },
            [this](double) { on_sleep_(); }};
  }
  Result<HeldSweep> Take(std::optional<int> shard, int count = kShards) {
    return TakeSweep(Options(shard, count), Parts(), spec_);
  }
  /// Registers four trials in besom.db, and two of them in each part, done.
  void Begin(int shard, db::TrialState state = db::TrialState::kDone) {
    HeldSweep held = *Take(shard);
    Register(*held.results, {0, 1, 2, 3});
    const auto part =
        *db::ResultsStore::Open(layout_.part("covid", {kShards, shard}));
    const std::vector<int> trials = {2 * shard, 2 * shard + 1};
    Register(*part, trials);
    const db::SweepId id = part->FindSweep("covid").value()->id;
    db::CommitBatch batch;
    for (const int trial : trials) {
      batch.fits.push_back(SampleFit(SampleTrialId(trial), {}));
      batch.trials.push_back({SampleTrialId(trial), state, ""});
    }
    ASSERT_OK(part->Commit(id, batch));
  }
  /// A part of the schema before this one, with one trial that failed.
  void BeginWithOlder(int shard) {
    const Path part = layout_.part("covid", {kShards, shard});
    ASSERT_OK(MakeFolders(part.parent_path()));
    db::Connection connection =
        *db::Connection::OpenWritable(part, std::chrono::seconds(1));
    std::vector<std::string_view> steps = db::TableMigrations();
    steps.pop_back();
    ASSERT_OK(db::Migrate(connection, steps, {}));
    ASSERT_OK(connection.Execute(
        "INSERT INTO sweep(name, spec_yaml, spec_json, seed, numerics, "
        "allow_test, version, created, updated) VALUES('covid', '', '{}', 1, "
        "'', 0, '0', 1, 1)"));
    ASSERT_OK(connection.Execute(fmt::format(
        "INSERT INTO trial(sweep_id, trial, ordinal, parameters, config, "
        "backbone, head, fits, planned, state, error) SELECT sweep_id, '{}', "
        "{}, '{{}}', '{{}}', '', '', 1, 1, 'failed', 'why' FROM sweep",
        SampleTrialId(2 * shard), 2 * shard)));
  }
  void Register(db::ResultsStore& results, const std::vector<int>& trials) {
    db::SweepRow row = db::testing::SampleSweep();
    row.spec_json = spec_;
    const db::SweepId id = *results.PutSweep(row);
    std::vector<db::TrialRow> rows;
    for (const int trial : trials) rows.push_back(SampleTrial(trial));
    ASSERT_OK(results.RegisterTrials(id, rows));
  }
  std::vector<std::string> States() {
    return db::testing::Lines(layout_.database(),
                              "SELECT state, count(*) FROM trials GROUP BY 1");
  }

  db::testing::ScratchFolder folder_;
  const WorkspaceLayout layout_{folder_.path()};
  testing::ManualClock clock_;
  testing::FakeJobStates jobs_;
  HolderJudge judge_{{"here", 1, "", "", 0}, jobs_, clock_};
  std::string spec_ = R"({"name":"covid"})";
  int stop_ = 0;
  std::function<void()> on_sleep_ = [] {};
};

TEST_F(SweepPartsTest, ShardsGoBesideEachOtherAndNotBesideTheWhole) {
  {
    HeldSweep first = *Take(0);
    first.beginning.reset();
    HeldSweep second = *Take(1);
    second.beginning.reset();
    const Status again = Take(0).status();
    EXPECT_EQ(again.code(), StatusCode::kInterrupted);
    EXPECT_THAT(again.ToString(), HasSubstr("shard 0/2"));
    const Status whole = Take({}).status();
    EXPECT_EQ(whole.code(), StatusCode::kInterrupted);
    EXPECT_THAT(whole.ToString(), HasSubstr("shard 0/2"));
  }
  const HeldSweep whole = *Take({});
  const Status shard = Take(0).status();
  EXPECT_EQ(shard.code(), StatusCode::kInterrupted);
  EXPECT_THAT(shard.ToString(), HasSubstr("as a whole"));
}

TEST_F(SweepPartsTest, AShardThatBeginsHasOthersWait) {
  const HeldSweep first = *Take(0);
  stop_ = 1;
  EXPECT_THAT(Take(1).status().ToString(), HasSubstr("one begins"));
}

TEST_F(SweepPartsTest, WhoIsToWaitBeginsWhenTheOtherHasEnded) {
  for (const bool shard_first : {true, false}) {
    std::optional<HeldSweep> alive(
        *Take(shard_first ? std::optional(0) : std::nullopt));
    alive->beginning.reset();
    RunOptions options = Options(shard_first ? std::nullopt : std::optional(0));
    options.wait = true;
    int slept = 0;
    on_sleep_ = [&] {
      if (++slept == 2) alive.reset();
    };
    EXPECT_TRUE(TakeSweep(options, Parts(), spec_).ok());
    EXPECT_EQ(slept, 2);
  }
}

TEST_F(SweepPartsTest, TheWholeTakesOverWhatShardsHaveDone) {
  Begin(1);
  EXPECT_THAT(States(), ElementsAre("pending|4"));
  const HeldSweep whole = *Take({});
  EXPECT_EQ(whole.merged, 1u);
  EXPECT_THAT(States(), ElementsAre("done|2", "pending|2"));
  EXPECT_FALSE(std::filesystem::exists(layout_.parts_of("covid")));
  EXPECT_TRUE(layout_.ListShardLocks("covid")->empty());
}

TEST_F(SweepPartsTest, WhoeverEndsLastMergesTheRest) {
  Begin(0);
  EXPECT_EQ(*MergeEndedShards(Parts()), 0u);
  Begin(1, db::TrialState::kRunning);
  EXPECT_EQ(*MergeEndedShards(Parts()), 0u);
  Begin(1);
  {
    HeldSweep alive = *Take(0);
    alive.beginning.reset();
    EXPECT_EQ(*MergeEndedShards(Parts()), 0u);
  }
  EXPECT_EQ(*MergeEndedShards(Parts()), 2u);
  EXPECT_THAT(States(), ElementsAre("done|4"));
  EXPECT_EQ(*MergeEndedShards(Parts()), 0u);
}

TEST_F(SweepPartsTest, PartsOfAnotherCountOrSpecAreMergedFirst) {
  Begin(0);
  EXPECT_EQ(Take(0)->merged, 0u);
  {
    HeldSweep alive = *Take(0);
    alive.beginning.reset();
    const Status other = Take(1, 3).status();
    EXPECT_EQ(other.code(), StatusCode::kInvalid);
    EXPECT_THAT(other.ToString(), HasSubstr("shard 0/2"));
    EXPECT_EQ(Take(1)->merged, 0u);
  }
  EXPECT_EQ(Take(1, 3)->merged, 1u);
  Begin(1);
  spec_ = R"({"name":"covid","other":1})";
  EXPECT_EQ(Take(1)->merged, 1u);
  EXPECT_THAT(States(), ElementsAre("done|4"));
}

/// Killed while it removed the folder of the last part, a run may leave the
/// second note of a task without its first.
TEST_F(SweepPartsTest, NotesThatARemovalHasLeftMisleadNobody) {
  const Digest key = DigestOf("task");
  const Path notes = layout_.task_notes("covid");
  const Path ended = layout_.ended_parts_of("covid");
  const auto leave = [&] {
    for (const Path& folder : {notes, ended}) {
      ASSERT_OK(MakeFolders(folder));
      ASSERT_OK(WriteFileAtomic(folder / (key.Hex() + ".2"), R"({"run":"x"})"));
    }
  };
  leave();
  {
    const HeldSweep shard = *Take(0);
    ASSERT_OK(MakeFolders(notes));
    TaskNotes first(notes), second(notes);
    EXPECT_EQ(first.Last(key)->number, 0);
    EXPECT_TRUE(*first.Add(key, 0, {0, "first", "", {}}));
    EXPECT_EQ(second.Last(key)->run, "first");
  }
  leave();
  std::filesystem::remove(layout_.shard_lock("covid", {kShards, 0}));
  EXPECT_TRUE(Take({}).ok());
  EXPECT_TRUE(std::filesystem::is_empty(layout_.parts()));
  leave();
  EXPECT_EQ(*MergeEndedShards(Parts()), 0u);
  EXPECT_TRUE(std::filesystem::is_empty(layout_.parts()));
}

/// A run that was killed when all its trials had ended has nothing to go on
/// with.
TEST_F(SweepPartsTest, WhoeverMergesLastEndsWhatDiedWithoutAnEnd) {
  Begin(0);
  Begin(1);
  {
    const auto part =
        *db::ResultsStore::Open(layout_.part("covid", {kShards, 0}));
    db::RunRow run;
    run.run = "dead";
    run.host = "host";
    ASSERT_OK(part->PutRun(part->FindSweep("covid").value()->id, run));
  }
  EXPECT_EQ(*MergeEndedShards(Parts()), 2u);
  EXPECT_THAT(
      db::testing::Lines(layout_.database(), "SELECT run, outcome FROM runs"),
      ElementsAre("dead|killed"));
}

/// After an update of besom parts of the one before are merged by whoever
/// begins next: nothing else would bring them up to date.
TEST_F(SweepPartsTest, PartsOfAnOlderSchemaAreMergedByWhoeverBegins) {
  for (const std::optional<int> shard : {std::optional<int>(), {0}, {1}}) {
    Begin(0);
    EXPECT_EQ(Take({})->merged, 1u);
    BeginWithOlder(1);
    const std::vector<PartStates> parts = *ReadParts(layout_, "covid");
    ASSERT_EQ(parts.size(), 2u);
    EXPECT_TRUE(parts[0].unreadable.ok());
    EXPECT_THAT(parts[1].unreadable.ToString(), HasSubstr("older besom"));
    RunOptions options = Options(shard);
    options.workspace = layout_.root();
    options.spec = folder_ / "covid.yaml";
    ASSERT_OK(WriteFileAtomic(
        options.spec,
        "name: covid\ningest:\n  classes: [covid, normal]\n  sources:\n    - "
        "{name: p, format: phantom, labels: {clear: normal, hazy: covid, "
        "consolidation: null}}\nmetric: {name: recall/covid}\n"));
    const Result<Standing> standing = FindStanding(options, 1, {});
    ASSERT_OK(standing.status());
    EXPECT_TRUE(standing->has_parts);
    EXPECT_FALSE(standing->complete);
    EXPECT_EQ(Take(shard)->merged, 1u);
    EXPECT_THAT(States(), ElementsAre("done|2", "failed|1", "pending|1"));
  }
}

}  // namespace
}  // namespace besom::run
