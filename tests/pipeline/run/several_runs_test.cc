// What runs of one workspace know of each other: claims, and what dead runs
// left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/run/adopt.h"
#include "pipeline/run/database_claims.h"
#include "pipeline/store/journal.h"
#include "pipeline/store/run_lock.h"
#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

using Kind = ClaimOutcome::Kind;

class SeveralRunsTest : public ::testing::Test {
 protected:
  enum : TaskId { kData, kWork };

  /// A run that lives as long as this object.
  struct LivingRun {
    LivingRun(SeveralRunsTest& test, const std::string& name)
        : lock(*RunLock::Take(test.layout_, name, "test")),
          book(*db::ClaimBook::Open(test.layout_.database())),
          sink(test.sweep_, test.id_, *test.results_, test.blobs_, test.clock_),
          claims(name, test.sweep_, *book, *test.results_, sink, test.layout_,
                 test.clock_) {}
    Kind Ask(TaskId task) { return claims.Claim({task}).value()[0].kind; }

    RunLock lock;
    std::unique_ptr<db::ClaimBook> book;
    DatabaseSink sink;
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
  SystemClock clock_;
  BlobStore blobs_{layout_};
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

TEST_F(SeveralRunsTest, AFinishedTaskWhoseBlobIsGoneIsComputedAgain) {
  LivingRun a(*this, "a"), b(*this, "b");
  Commit(a, kData);
  std::filesystem::remove(layout_.blob(Computed(kData).outputs[0].blob.digest));
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
