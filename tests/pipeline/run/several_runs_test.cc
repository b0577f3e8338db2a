// What runs of one workspace know of each other: claims, and what dead runs
// left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/blob_book.h"
#include "db/connection.h"
#include "db/reader.h"
#include "pipeline/run/adopt.h"
#include "pipeline/run/busy_database.h"
#include "pipeline/run/database_claims.h"
#include "pipeline/run/known_outputs.h"
#include "pipeline/store/journal.h"
#include "pipeline/store/run_lock.h"
#include "tests/fakes/fake_job_states.h"
#include "tests/fakes/manual_clock.h"
#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

using Kind = ClaimOutcome::Kind;

class SeveralRunsTest : public ::testing::Test {
 protected:
  enum : TaskId { kData, kWork };

  /// A run that lives as long as this object.
  struct LivingRun {
    LivingRun(SeveralRunsTest& test, const std::string& name,
              const std::string& holder = "test")
        : lock(*RunLock::Take(test.layout_, name, holder)),
          book(*db::ClaimBook::Open(test.layout_.database())),
          sink(test.sweep_, test.id_, *test.results_, test.blobs_, test.clock_),
          judge({"here", 1, "", "", 0}, test.jobs_, test.clock_),
          claims(name, test.sweep_, *book, *test.results_, sink, test.blobs_,
                 judge, test.clock_) {}
    Kind Ask(TaskId task) { return claims.Claim({task}).value()[0].kind; }

    RunLock lock;
    std::unique_ptr<db::ClaimBook> book;
    DatabaseSink sink;
    HolderJudge judge;
    DatabaseClaims claims;
  };

  void SetUp() override {
    std::filesystem::remove_all(root_);
    sweep_.graph = testing::MakeGraph({{"data", 1, {}}, {"work", 1, {"data"}}});
    results_ = *db::ResultsStore::Open(layout_.database());
    db::SweepRow row;
    row.name = "test";
    row.metric = {"loss", "loss", "", false};
    row.split = "validation";
    id_ = *results_->PutSweep(row);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  TaskReport Computed(TaskId task) {
    TaskReport report;
    report.task = task;
    report.outputs = {{"out", *blobs_.Put("output " + std::to_string(task))}};
    return report;
  }
  void Commit(LivingRun& run, TaskId task) {
    const TaskReport report = Computed(task);
    ASSERT_TRUE(run.sink.AddAttempt({report, 0, "done"}).ok());
    ASSERT_TRUE(run.sink.Commit().ok());
  }

  const Path root_ =
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  const WorkspaceLayout layout_{root_};
  SweepGraph sweep_;
  testing::ManualClock clock_;
  testing::FakeJobStates jobs_;
  /// A network file system, on which nobody sleeps.
  BlobStore blobs_{
      layout_, DiskCalls::System(),
      Patience{60, &clock_, [this](double seconds) { Sleep(seconds); }}};
  void Sleep(double seconds) {
    clock_.now += seconds;
    if (clock_.now >= appears_at_) Appear();
  }
  /// Makes a blob invisible here until Appear, as a stale client would.
  void Hide(const BlobRef& blob) {
    hidden_.push_back(layout_.blob(blob.digest));
    std::filesystem::rename(hidden_.back(), hidden_.back().string() + ".hid");
  }
  void Appear() {
    for (const Path& path : hidden_)
      std::filesystem::rename(path.string() + ".hid", path);
    hidden_.clear();
  }
  std::vector<Path> hidden_;
  double appears_at_ = 1e9;
  std::unique_ptr<db::ResultsStore> results_;
  db::SweepId id_ = 0;
};

TEST_F(SeveralRunsTest, ATaskBelongsToWhoAsksFirstAndThenToAll) {
  LivingRun a(*this, "a"), b(*this, "b");
  EXPECT_EQ(a.Ask(kData), Kind::kMine);
  EXPECT_EQ(a.Ask(kData), Kind::kMine);
  EXPECT_EQ(b.Ask(kData), Kind::kElsewhere);
  EXPECT_EQ(b.Ask(kWork), Kind::kMine);
  Commit(a, kData);
  const ClaimOutcome done = b.claims.Claim({kData}).value()[0];
  EXPECT_EQ(done.kind, Kind::kDone);
  EXPECT_EQ(done.known.outputs, Computed(kData).outputs);
}

/// Neither waited for on a network file system, nor used should it be there.
TEST_F(SeveralRunsTest, WhatWasRemovedOnPurposeIsMadeAgainAtOnce) {
  const double begun = clock_.now;
  LivingRun a(*this, "a"), b(*this, "b");
  EXPECT_EQ(a.Ask(kData), Kind::kMine);
  Commit(a, kData);
  const std::string key = sweep_.graph[kData].key.Hex();
  const auto book = *db::BlobBook::Open(layout_.database());
  ASSERT_TRUE(book->SetRemoved({{key, "out"}}, 1).ok());
  for (const bool is_there : {true, false}) {
    if (!is_there)
      std::filesystem::remove(
          layout_.blob(Computed(kData).outputs[0].blob.digest));
    EXPECT_TRUE(
        AwaitKnown(sweep_, *results_, blobs_, [] { return false; }).ok());
    EXPECT_EQ(clock_.now, begun);
    EXPECT_FALSE(b.sink.FindKnown().value()[kData].has_value());
  }
  EXPECT_EQ(b.Ask(kData), Kind::kMine);
  EXPECT_EQ(clock_.now, begun);
  Commit(b, kData);
  EXPECT_TRUE(a.sink.FindKnown().value()[kData].has_value());
  // It is not told of as of a damage.
  const auto reader = *db::Reader::Open(layout_.database());
  EXPECT_TRUE(reader->Query("SELECT * FROM events").value().rows.empty());
}

TEST_F(SeveralRunsTest, WhatIsReleasedIsFree) {
  LivingRun a(*this, "a"), b(*this, "b");
  EXPECT_EQ(a.Ask(kData), Kind::kMine);
  EXPECT_TRUE(a.claims.Release(kData).ok());
  EXPECT_EQ(b.Ask(kData), Kind::kMine);
}

TEST_F(SeveralRunsTest, TheClaimsOfADeadRunAreTakenOver) {
  const auto book = *db::ClaimBook::Open(layout_.database());
  ASSERT_TRUE(book->Claim("dead", {sweep_.graph[kData].key.Hex()}, 0).ok());
  LivingRun b(*this, "b");
  EXPECT_EQ(b.Ask(kData), Kind::kMine);
}

TEST_F(SeveralRunsTest, AnotherHostsRunIsDeadWhenItsSlurmJobIsOver) {
  LivingRun a(*this, "a", "host other, pid 7, Slurm job 12");
  LivingRun b(*this, "b");
  db::RunRow row;
  row.run = "a";
  ASSERT_TRUE(results_->PutRun(id_, row).ok());
  EXPECT_EQ(a.Ask(kData), Kind::kMine);
  jobs_.states["12"] = cluster::JobState::kActive;
  EXPECT_EQ(b.Ask(kData), Kind::kElsewhere);
  jobs_.states["12"] = cluster::JobState::kOver;
  EXPECT_EQ(b.Ask(kData), Kind::kElsewhere);  // Asked a moment ago.
  clock_.now += HolderJudge::kAskSeconds;
  EXPECT_EQ(b.Ask(kData), Kind::kMine);
  EXPECT_FALSE(*IsRunAlive(layout_, "a"));
  EXPECT_EQ(a.claims.Claim({kWork}).status().code(), StatusCode::kInterrupted);
}

TEST_F(SeveralRunsTest, AFinishedTaskWhoseBlobIsNotVisibleYetIsWaitedFor) {
  LivingRun a(*this, "a"), b(*this, "b");
  Commit(a, kData);
  Hide(Computed(kData).outputs[0].blob);
  EXPECT_EQ(b.Ask(kData), Kind::kElsewhere);
  clock_.now += 59;
  EXPECT_EQ(b.Ask(kData), Kind::kElsewhere);
  Appear();
  clock_.now += 0.5;
  EXPECT_EQ(b.Ask(kData), Kind::kDone);
}

TEST_F(SeveralRunsTest, AFinishedTaskWhoseBlobIsGoneIsComputedAgain) {
  LivingRun a(*this, "a"), b(*this, "b");
  Commit(a, kData);
  std::filesystem::remove(layout_.blob(Computed(kData).outputs[0].blob.digest));
  EXPECT_EQ(b.Ask(kData), Kind::kElsewhere);
  clock_.now += 61;
  EXPECT_EQ(b.Ask(kData), Kind::kMine);
  EXPECT_EQ(a.Ask(kData), Kind::kElsewhere);
}

TEST_F(SeveralRunsTest, ADiscardedTaskIsComputedAgain) {
  LivingRun a(*this, "a"), b(*this, "b");
  Commit(a, kData);
  EXPECT_EQ(b.Ask(kData), Kind::kDone);
  EXPECT_TRUE(b.claims.Discard(kData).ok());
  EXPECT_EQ(b.Ask(kData), Kind::kMine);
}

TEST_F(SeveralRunsTest, WhatIsCommittedIsLookedForTogetherBeforeTheRun) {
  LivingRun a(*this, "a");
  const auto never = [] { return false; };
  Commit(a, kData);
  Commit(a, kWork);
  EXPECT_TRUE(AwaitKnown(sweep_, *results_, blobs_, never).ok());
  EXPECT_EQ(clock_.now, 100);
  Hide(Computed(kData).outputs[0].blob);
  Hide(Computed(kWork).outputs[0].blob);
  EXPECT_EQ(AwaitKnown(sweep_, *results_, blobs_, [] { return true; }).code(),
            StatusCode::kInterrupted);
  EXPECT_TRUE(AwaitKnown(sweep_, *results_, blobs_, never).ok());
  EXPECT_NEAR(clock_.now, 160, 1e-9);
  EXPECT_FALSE(a.sink.FindKnown().value()[kData].has_value());
  appears_at_ = clock_.now + 30;
  EXPECT_TRUE(AwaitKnown(sweep_, *results_, blobs_, never).ok());
  EXPECT_LT(clock_.now, 200);
  EXPECT_TRUE(a.sink.FindKnown().value()[kData].has_value());
}

TEST_F(SeveralRunsTest, EachThingThatIsCommittedIsLookedFor) {
  LivingRun a(*this, "a");
  Commit(a, kData);
  Commit(a, kWork);
  for (const TaskId task : {kData, kWork}) {
    Hide(Computed(task).outputs[0].blob);
    const double before = clock_.now;
    EXPECT_TRUE(
        AwaitKnown(sweep_, *results_, blobs_, [] { return false; }).ok());
    EXPECT_NEAR(clock_.now - before, 60, 1e-9);
    Appear();
  }
}

/// Rank 0 reads what another machine's rank has just stored.
TEST_F(SeveralRunsTest, WhatARankSaysItHasStoredIsLookedForAWhile) {
  PlannedData data;
  data.split = kData;
  data.augment = kWork;
  sweep_.data.push_back(data);
  sweep_.name = "test";
  TaskReport report = Computed(kWork);
  report.outputs[0].port = "sheet";
  Hide(report.outputs[0].blob);
  const auto add = [&] {
    DatabaseSink sink(
        sweep_, id_, *results_, blobs_, clock_, [] { return false; }, 30);
    return sink.AddAttempt({report, 0, "done"});
  };
  // An error that may pass: the attempt is made again.
  EXPECT_EQ(add().code(), StatusCode::kIo);
  EXPECT_NEAR(clock_.now, 130, 1e-9);
  appears_at_ = 140;
  EXPECT_TRUE(add().ok());
  EXPECT_LT(clock_.now, 141);
}

/// Another process merges what shards have done, say.
TEST_F(SeveralRunsTest, ADatabaseThatIsBusyForLongEndsNoRun) {
  const auto options = db::StoreOptions{{}, std::chrono::milliseconds(1)};
  results_ = *db::ResultsStore::Open(layout_.database(), options);
  auto other = *db::Connection::OpenWritable(layout_.database(),
                                             std::chrono::milliseconds(1));
  int waits = 0;
  const auto stop = [&] {
    const bool ends = ++waits == 3;
    EXPECT_TRUE(!ends || other.Execute("COMMIT").ok());
    return false;
  };
  DatabaseSink sink(sweep_, id_, *results_, blobs_, clock_, stop);
  const auto book =
      *db::ClaimBook::Open(layout_.database(), std::chrono::milliseconds(1));
  HolderJudge judge({"here", 1, "", "", 0}, jobs_, clock_);
  DatabaseClaims claims("a", sweep_, *book, *results_, sink, blobs_, judge,
                        clock_);
  ASSERT_TRUE(other.Execute("BEGIN IMMEDIATE").ok());
  const auto claimed = claims.Claim({kData});
  ASSERT_TRUE(claimed.ok()) << claimed.status().ToString();
  waits = 0;
  ASSERT_TRUE(other.Execute("BEGIN IMMEDIATE").ok());
  const TaskReport report = Computed(kData);
  ASSERT_TRUE(sink.AddAttempt({report, 0, "done"}).ok());
  const Status committed = sink.Commit();
  ASSERT_TRUE(committed.ok()) << committed.ToString();
  EXPECT_TRUE(
      results_->FindAction(sweep_.graph[kData].key.Hex()).value().has_value());
}

TEST(WhileOthersWriteTest, WaitsTenMinutesAndHalfAMinuteToStop) {
  bool stop = false;
  const auto wait = WhileOthersWrite("besom.db", [&] { return stop; });
  EXPECT_TRUE(wait(0));
  EXPECT_TRUE(wait(599));
  EXPECT_FALSE(wait(600));
  stop = true;
  EXPECT_TRUE(wait(29));
  EXPECT_FALSE(wait(31));
}

class AdoptTest : public SeveralRunsTest {
 protected:
  void PutDeadRun() {
    db::RunRow run;
    run.run = "dead";
    run.host = "host";
    ASSERT_TRUE(results_->PutRun(id_, run).ok());
  }
  void Note(TaskId task, const TaskReport& report) {
    Journal journal = *Journal::Open(layout_.journal("dead", 1));
    ASSERT_TRUE(journal
                    .Append({{"end", sweep_.graph[task].key.Hex()},
                             {"report", ReportToJson(report)}})
                    .ok());
  }
  std::size_t Adopt(Recorder& recorder) {
    return AdoptFinished(sweep_, id_, *results_, blobs_, recorder, clock_)
        .value();
  }

  DatabaseSink* MakeSink() {
    sink_.emplace(sweep_, id_, *results_, blobs_, clock_);
    return &*sink_;
  }
  std::optional<DatabaseSink> sink_;
};

TEST_F(AdoptTest, WhatADeadRunStoredIsTakenOverOnce) {
  PutDeadRun();
  TaskReport report = Computed(kWork);
  report.task = 7;  // Its number in the dead run's plan.
  Note(kWork, report);
  Recorder recorder(sweep_, *MakeSink(), clock_);
  EXPECT_EQ(Adopt(recorder), 1u);
  EXPECT_TRUE(recorder.outputs()[kWork].has_value());
  EXPECT_TRUE(
      results_->FindAction(sweep_.graph[kWork].key.Hex()).value().has_value());
  EXPECT_TRUE(results_->OpenRuns(id_).value().empty());
  EXPECT_EQ(Adopt(recorder), 0u);
}

TEST_F(AdoptTest, FailuresAndMissingBlobsAreNotTakenOver) {
  PutDeadRun();
  TaskReport failed = Computed(kData);
  failed.status = IoError("disk", "refused");
  Note(kData, failed);
  const TaskReport gone = Computed(kWork);
  std::filesystem::remove(layout_.blob(gone.outputs[0].blob.digest));
  Note(kWork, gone);
  Recorder recorder(sweep_, *MakeSink(), clock_);
  EXPECT_EQ(Adopt(recorder), 0u);
}

TEST_F(AdoptTest, WhatARobbedRunStoredIsTakenOverToo) {
  PutDeadRun();
  Note(kWork, Computed(kWork));
  ASSERT_TRUE(results_->TakeOverRun("dead", "--steal", 1).ok());
  Recorder recorder(sweep_, *MakeSink(), clock_);
  EXPECT_EQ(Adopt(recorder), 1u);
  EXPECT_TRUE(results_->OpenRuns(id_).value().empty());
  // Its record still says that it was robbed.
  results_->WriteAs("dead");
  EXPECT_EQ(results_->ForgetActions({"x"}).code(), StatusCode::kInterrupted);
}

TEST_F(AdoptTest, ALivingRunIsLeftAlone) {
  PutDeadRun();
  Note(kWork, Computed(kWork));
  const RunLock lock = *RunLock::Take(layout_, "dead", "it lives");
  Recorder recorder(sweep_, *MakeSink(), clock_);
  EXPECT_EQ(Adopt(recorder), 0u);
  EXPECT_EQ(results_->OpenRuns(id_).value().size(), 1u);
}

}  // namespace
}  // namespace besom::run
