#include "pipeline/run/cleanup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "db/results_store.h"
#include "pipeline/run/task_messages.h"
#include "pipeline/store/blob_store.h"
#include "pipeline/store/journal.h"
#include "pipeline/store/run_lock.h"
#include "tests/fakes/manual_clock.h"

namespace besom::run {
namespace {

using ::testing::HasSubstr;

class CleanupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(root_);
    results_ = *db::ResultsStore::Open(layout_.database());
    db::SweepRow row;
    row.name = "test";
    row.metric = {"loss", "loss", "", false};
    row.split = "validation";
    sweep_ = *results_->PutSweep(row);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  BlobRef Put(const std::string& bytes) { return *blobs_.Put(bytes); }
  /// A finished action with one blob.
  BlobRef PutDone(const std::string& stage, const std::string& port) {
    const BlobRef blob = Put("output of " + stage);
    db::CommitBatch batch;
    db::ActionRow& action = batch.actions.emplace_back();
    action.key = stage;
    action.stage = stage;
    action.params = "{}";
    action.blobs = {{port, blob.digest.Hex(), blob.size}};
    EXPECT_TRUE(results_->Commit(sweep_, batch).ok());
    return blob;
  }
  /// A run without an end, whose journal says that it has stored `blob`.
  void JournalOfDeadRun(const std::string& run, const BlobRef& blob) {
    db::RunRow row;
    row.run = run;
    EXPECT_TRUE(results_->PutRun(sweep_, row).ok());
    TaskReport report;
    report.outputs = {{"weights", blob}};
    auto journal = Journal::Open(layout_.journal(run, 0));
    EXPECT_TRUE(
        journal->Append({{"end", "key"}, {"report", ReportToJson(report)}})
            .ok());
  }
  Result<CleanupReport> Clean(CleanupPolicy policy = {}, bool dry_run = false) {
    return CleanUp(layout_, policy, dry_run, {"here", 1, "", "", 0}, clock_);
  }
  std::size_t Files(const CleanupReport& report, CleanupKind kind) {
    return report.lines[static_cast<std::size_t>(kind)].files;
  }

  const Path root_ =
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  const WorkspaceLayout layout_{root_};
  testing::ManualClock clock_;
  BlobStore blobs_{layout_};
  std::unique_ptr<db::ResultsStore> results_;
  db::SweepId sweep_ = 0;
};

TEST_F(CleanupTest, RemovesOrphansAndDamagedOnesAndLeavesTheRest) {
  const BlobRef orphan = Put("orphan"), done = PutDone("scan", "scan");
  const Path damaged = layout_.blob(orphan.digest).string() + ".corrupt";
  std::filesystem::create_directory(damaged);
  std::ofstream(damaged / "inside") << "12345";
  std::ofstream(layout_.blobs() / "notes") << "mine";
  const auto report = Clean();
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_EQ(Files(*report, CleanupKind::kOrphans), 1u);
  EXPECT_EQ(Files(*report, CleanupKind::kDamaged), 1u);
  EXPECT_EQ(report->lines[1].bytes, 5u);
  EXPECT_FALSE(std::filesystem::exists(damaged));
  EXPECT_FALSE(blobs_.Has(orphan));
  EXPECT_TRUE(blobs_.Has(done));
  EXPECT_TRUE(std::filesystem::exists(layout_.blobs() / "notes"));
  EXPECT_EQ(report->plan.bytes_after, done.size + 4);  // And the notes.
}

TEST_F(CleanupTest, ADryRunSaysTheSameAndChangesNothing) {
  const BlobRef orphan = Put("orphan");
  const BlobRef pixels = PutDone("ingest", "pixels");
  const auto said = Clean({.max_bytes = 0}, /*dry_run=*/true);
  ASSERT_TRUE(said.ok());
  EXPECT_TRUE(blobs_.Has(orphan));
  EXPECT_TRUE(blobs_.Has(pixels));
  EXPECT_FALSE((*results_->FindAction("ingest"))->removed());
  const auto done = Clean({.max_bytes = 0});
  ASSERT_TRUE(done.ok());
  for (std::size_t kind = 0; kind < said->lines.size(); ++kind) {
    EXPECT_EQ(said->lines[kind].files, done->lines[kind].files) << kind;
    EXPECT_EQ(said->lines[kind].bytes, done->lines[kind].bytes) << kind;
  }
  EXPECT_EQ(Files(*done, CleanupKind::kPixels), 1u);
  EXPECT_FALSE(blobs_.Has(orphan));
  EXPECT_FALSE(blobs_.Has(pixels));
  EXPECT_TRUE((*results_->FindAction("ingest"))->removed());
}

TEST_F(CleanupTest, WhatAKilledRunHasStoredIsKeptUntilARunHasTakenItOver) {
  const BlobRef stored = Put("stored, not committed");
  JournalOfDeadRun("killed", stored);
  ASSERT_TRUE(Clean({.max_bytes = 0}).ok());
  EXPECT_TRUE(blobs_.Has(stored));
  db::RunRow ended;
  ended.run = "killed";
  ended.ended = 1;
  ended.outcome = "killed";
  ASSERT_TRUE(results_->PutRun(sweep_, ended).ok());
  ASSERT_TRUE(Clean().ok());
  EXPECT_FALSE(blobs_.Has(stored));
}

TEST_F(CleanupTest, IsRefusedWhileARunIsAliveAndSaysWhich) {
  const auto run =
      FileLock::TryTake(layout_.sweep_lock("test"), "host far, pid 7");
  ASSERT_TRUE(run.ok() && run->has_value());
  const auto shared = WorkspaceLock::TakeShared(layout_);
  ASSERT_TRUE(shared.ok());
  const Status status = Clean().status();
  EXPECT_EQ(status.code(), StatusCode::kInterrupted);
  EXPECT_THAT(status.ToString(), HasSubstr("test: host far, pid 7"));
}

TEST_F(CleanupTest, IsRefusedWhileAnotherOneIsAtWork) {
  const auto other =
      WorkspaceLock::TryTakeExclusive(layout_, "host far, pid 9");
  ASSERT_TRUE(other.ok() && other->has_value());
  const Status status = Clean({}, /*dry_run=*/true).status();
  EXPECT_EQ(status.code(), StatusCode::kInterrupted);
  EXPECT_THAT(status.ToString(), HasSubstr("host far, pid 9"));
}

TEST_F(CleanupTest, WithoutAWorkspaceNothingIsMade) {
  std::filesystem::remove_all(root_);
  EXPECT_EQ(Clean().status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(root_));
}

}  // namespace
}  // namespace besom::run
