#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/connection.h"
#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using testing::Done;
using ::testing::ElementsAre;
using testing::Lines;
using testing::SampleFit;
using testing::SampleSweep;
using testing::SampleTrial;
using testing::SampleTrialId;
using testing::ScratchFolder;

/// What a killed writer leaves behind, in every journal mode.
class CrashTest : public ::testing::TestWithParam<JournalMode> {
 protected:
  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  std::unique_ptr<ResultsStore> Open() {
    auto store = ResultsStore::Open(path_, {.journal = GetParam()});
    EXPECT_TRUE(store.ok()) << store.status().ToString();
    return *std::move(store);
  }
};

TEST_P(CrashTest, AWriterKilledInsideATransactionLeavesTheLastCommit) {
  ASSERT_OK(Open()->PutSweep(SampleSweep("before")).status());
  const pid_t child = fork();
  if (child == 0) {
    auto db = Connection::OpenWritable(path_, std::chrono::seconds(1));
    // A cache of one page spills the open transaction into the files.
    const bool wrote =
        db->Execute(
              "PRAGMA cache_size=1; BEGIN IMMEDIATE; "
              "DELETE FROM criterion; UPDATE sweep SET name='half', "
              "spec_yaml=printf('%.*c', 3000000, 'x'); "
              "INSERT INTO file_digest SELECT 'x', 1, 1, 1, "
              "printf('%.*c', 3000000, 'y');")
            .ok();
    _exit(wrote ? 0 : 1);  // No destructor, no rollback: as kill -9.
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_THAT(Lines(path_, "SELECT sweep FROM sweeps"), ElementsAre("before"));
  ASSERT_OK(Open()->PutSweep(SampleSweep("after")).status());
  EXPECT_THAT(Lines(path_, "SELECT sweep FROM sweeps ORDER BY sweep"),
              ElementsAre("after", "before"));
  EXPECT_THAT(Lines(path_, "SELECT count(*) FROM file_digest"),
              ElementsAre("0"));
}

TEST_P(CrashTest, KilledAtAnyMomentEveryDoneTrialHasItsRows) {
  constexpr int kTrials = 4000;
  SweepId sweep = 0;
  {
    auto store = Open();
    sweep = *store->PutSweep(SampleSweep());
    std::vector<TrialRow> trials;
    for (int i = 0; i < kTrials; ++i) trials.push_back(SampleTrial(i));
    ASSERT_OK(store->RegisterTrials(sweep, trials));
  }
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto store = Open();
    for (int i = 0; i < kTrials; ++i) {
      if (!store->Commit(sweep, Done({SampleFit(SampleTrialId(i), {})})).ok()) {
        _exit(1);
      }
      if (write(told[1], "x", 1) != 1) _exit(1);
    }
    _exit(0);
  }
  // Killed somewhere within the work that follows the 20th commit.
  char acknowledged[20];
  for (char& byte : acknowledged) ASSERT_EQ(read(told[0], &byte, 1), 1);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  close(told[0]);
  close(told[1]);

  const std::string done =
      "SELECT count(*) >= 20 FROM trials WHERE "
      "state = 'done'";
  EXPECT_THAT(Lines(path_, done), ElementsAre("1"));
  EXPECT_THAT(Lines(path_,
                    "SELECT count(*) FROM trials t WHERE (state = 'done') <> "
                    "(12 = (SELECT count(*) FROM metrics m WHERE m.trial = "
                    "t.trial AND epoch IS NULL AND split = 'test'))"),
              ElementsAre("0"));
  EXPECT_THAT(Lines(path_, "PRAGMA integrity_check"), ElementsAre("ok"));
  ASSERT_OK(Open()->PutSweep(SampleSweep("goes on")).status());
}

TEST_P(CrashTest, ReadersGoOnWhileAWriterWrites) {
  constexpr int kTrials = 60;
  {
    auto store = Open();
    const SweepId sweep = *store->PutSweep(SampleSweep());
    std::vector<TrialRow> trials;
    for (int i = 0; i < kTrials; ++i) trials.push_back(SampleTrial(i));
    ASSERT_OK(store->RegisterTrials(sweep, trials));
  }
  const pid_t child = fork();
  if (child == 0) {
    auto store = Open();
    const SweepId sweep = (*store->FindSweep("covid"))->id;
    for (int i = 0; i < kTrials; ++i) {
      if (!store->Commit(sweep, Done({SampleFit(SampleTrialId(i), {})})).ok()) {
        _exit(1);
      }
    }
    _exit(0);
  }
  int status = 0;
  int last = 0;
  bool ended = false;
  while (!ended) {
    ended = waitpid(child, &status, WNOHANG) == child;
    const auto seen =
        Lines(path_,
              "SELECT (SELECT count(*) FROM trials WHERE state = 'done'), "
              "(SELECT count(*) FROM metrics WHERE epoch IS NULL)");
    ASSERT_EQ(seen.size(), 1u) << seen[0];
    const int done = std::stoi(seen[0]);
    EXPECT_EQ(seen[0], fmt::format("{}|{}", done, done * 24));
    EXPECT_GE(done, last);
    last = done;
  }
  EXPECT_EQ(status, 0);
  EXPECT_EQ(last, kTrials);
}

INSTANTIATE_FOR_JOURNAL_MODES(CrashTest);

}  // namespace
}  // namespace besom::db
