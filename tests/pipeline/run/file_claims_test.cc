// What runs without a common database tell each other of tasks.
#include "pipeline/run/file_claims.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "pipeline/store/run_lock.h"
#include "tests/fakes/fake_job_states.h"
#include "tests/fakes/manual_clock.h"
#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

using Kind = ClaimOutcome::Kind;

class FileClaimsTest : public ::testing::Test {
 protected:
  enum : TaskId { kShared, kOther, kOwn };

  /// A run that lives as long as this object.
  struct LivingRun {
    LivingRun(FileClaimsTest& test, const std::string& name,
              const std::string& host = "here", const std::string& job = "")
        : self{host, 1, job, "", 0},
          lock(*RunLock::Take(test.layout_, name, self.ToText())),
          judge(self, test.jobs_, test.clock_),
          claims(name, test.sweep_, {true, true, false},
                 TaskNotes(test.layout_.task_notes("test")), test.blobs_, judge,
                 test.clock_) {}
    Kind Ask(TaskId task) { return claims.Claim({task}).value()[0].kind; }

    const LockHolder self;
    RunLock lock;
    HolderJudge judge;
    FileClaims claims;
  };

  void SetUp() override {
    std::filesystem::remove_all(root_);
    sweep_.graph = testing::MakeGraph(
        {{"shared", 1, {}}, {"other", 1, {}}, {"own", 1, {}}});
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  db::ActionRow Computed(TaskId task) {
    const BlobRef blob = *blobs_.Put("output " + std::to_string(task));
    db::ActionRow action;
    action.key = sweep_.graph[task].key.Hex();
    action.seconds = 2.5;
    action.blobs = {{"out", blob.digest.Hex(), blob.size}};
    return action;
  }
  void Remove(const db::ActionRow& action) {
    std::filesystem::remove(
        layout_.blob(*Digest::FromHex(action.blobs[0].digest)));
  }
  /// So long that whoever waits looks again.
  void Pass() { clock_.now += FileClaims::kLongestPause; }

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
      Patience{60, &clock_, [this](double seconds) { clock_.now += seconds; }}};
};

TEST_F(FileClaimsTest, ATaskBelongsToWhoAsksFirstAndThenToAll) {
  LivingRun a(*this, "a"), b(*this, "b");
  EXPECT_EQ(a.Ask(kShared), Kind::kMine);
  EXPECT_EQ(a.Ask(kShared), Kind::kMine);
  EXPECT_EQ(b.Ask(kShared), Kind::kElsewhere);
  EXPECT_EQ(b.Ask(kOther), Kind::kMine);
  const db::ActionRow action = Computed(kShared);
  ASSERT_TRUE(a.claims.Publish({action}).ok());
  Pass();
  const ClaimOutcome done = b.claims.Claim({kShared}).value()[0];
  ASSERT_EQ(done.kind, Kind::kDone);
  EXPECT_EQ(done.known.seconds, 2.5);
  ASSERT_EQ(done.known.outputs.size(), 1u);
  EXPECT_EQ(done.known.outputs[0].port, "out");
  EXPECT_EQ(done.known.outputs[0].blob.digest.Hex(), action.blobs[0].digest);
  EXPECT_EQ(a.Ask(kShared), Kind::kDone);
}

TEST_F(FileClaimsTest, WhatNobodyElseNeedsHasNoFile) {
  LivingRun a(*this, "a"), b(*this, "b");
  EXPECT_EQ(a.Ask(kOwn), Kind::kMine);
  EXPECT_EQ(b.Ask(kOwn), Kind::kMine);
  EXPECT_TRUE(a.claims.Publish({Computed(kOwn)}).ok());
  EXPECT_FALSE(std::filesystem::exists(layout_.task_notes("test")));
}

TEST_F(FileClaimsTest, WhatIsReleasedIsFree) {
  LivingRun a(*this, "a"), b(*this, "b");
  EXPECT_EQ(a.Ask(kShared), Kind::kMine);
  EXPECT_EQ(a.Ask(kOther), Kind::kMine);
  ASSERT_TRUE(a.claims.Release(kShared).ok());
  EXPECT_EQ(b.Ask(kShared), Kind::kMine);
  EXPECT_EQ(b.Ask(kOther), Kind::kElsewhere);
  ASSERT_TRUE(a.claims.ReleaseAll().ok());
  Pass();
  EXPECT_EQ(b.Ask(kOther), Kind::kMine);
  // Nothing of another one is given back.
  EXPECT_EQ(a.Ask(kShared), Kind::kElsewhere);
}

TEST_F(FileClaimsTest, TheClaimsOfADeadRunAreTakenOver) {
  LivingRun b(*this, "b");
  {
    LivingRun a(*this, "a");
    EXPECT_EQ(a.Ask(kShared), Kind::kMine);
    EXPECT_EQ(b.Ask(kShared), Kind::kElsewhere);
  }
  EXPECT_EQ(b.Ask(kShared), Kind::kElsewhere);  // Asked a moment ago.
  Pass();
  EXPECT_EQ(b.Ask(kShared), Kind::kMine);
}

TEST_F(FileClaimsTest, AnotherHostsRunIsDeadWhenItsSlurmJobIsOver) {
  LivingRun a(*this, "a", "other", "12"), b(*this, "b");
  EXPECT_EQ(a.Ask(kShared), Kind::kMine);
  jobs_.states["12"] = cluster::JobState::kActive;
  EXPECT_EQ(b.Ask(kShared), Kind::kElsewhere);
  jobs_.states["12"] = cluster::JobState::kOver;
  clock_.now += HolderJudge::kAskSeconds;
  EXPECT_EQ(b.Ask(kShared), Kind::kMine);
}

TEST_F(FileClaimsTest, WhoWaitsLooksEverLessOften) {
  LivingRun a(*this, "a"), b(*this, "b");
  EXPECT_EQ(a.Ask(kShared), Kind::kMine);
  EXPECT_EQ(b.Ask(kShared), Kind::kElsewhere);
  ASSERT_TRUE(a.claims.Publish({Computed(kShared)}).ok());
  EXPECT_EQ(b.Ask(kShared), Kind::kElsewhere);
  clock_.now += FileClaims::kFirstPause;
  EXPECT_EQ(b.Ask(kShared), Kind::kDone);
  // A longer wait ends in the longest pause, no longer.
  EXPECT_EQ(a.Ask(kOther), Kind::kMine);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(b.Ask(kOther), Kind::kElsewhere);
    Pass();
  }
  ASSERT_TRUE(a.claims.Publish({Computed(kOther)}).ok());
  EXPECT_EQ(b.Ask(kOther), Kind::kDone);
}

TEST_F(FileClaimsTest, AFinishedTaskWhoseBlobIsNotVisibleYetIsWaitedFor) {
  LivingRun a(*this, "a"), b(*this, "b");
  const db::ActionRow action = Computed(kShared);
  ASSERT_TRUE(a.claims.Publish({action}).ok());
  Remove(action);
  EXPECT_EQ(b.Ask(kShared), Kind::kElsewhere);
  clock_.now += 50;
  EXPECT_EQ(b.Ask(kShared), Kind::kElsewhere);
  Computed(kShared);
  Pass();
  EXPECT_EQ(b.Ask(kShared), Kind::kDone);
  Remove(action);
  EXPECT_EQ(b.Ask(kShared), Kind::kElsewhere);
  clock_.now += 61;
  EXPECT_EQ(b.Ask(kShared), Kind::kMine);
  EXPECT_EQ(a.Ask(kShared), Kind::kElsewhere);
}

TEST_F(FileClaimsTest, ADiscardedTaskIsComputedAgain) {
  LivingRun a(*this, "a"), b(*this, "b");
  ASSERT_TRUE(a.claims.Publish({Computed(kShared)}).ok());
  EXPECT_EQ(b.Ask(kShared), Kind::kDone);
  ASSERT_TRUE(b.claims.Discard(kShared).ok());
  EXPECT_EQ(b.Ask(kShared), Kind::kMine);
  // A claim is no outcome.
  ASSERT_TRUE(a.claims.Discard(kShared).ok());
  EXPECT_EQ(a.Ask(kShared), Kind::kElsewhere);
}

TEST_F(FileClaimsTest, WhatWasDoneBeforeAKillIsToldByTheNextRun) {
  {
    LivingRun killed(*this, "killed");
    EXPECT_EQ(killed.Ask(kShared), Kind::kMine);
  }
  LivingRun next(*this, "next"), b(*this, "b");
  ASSERT_TRUE(next.claims.Publish({Computed(kShared)}).ok());
  EXPECT_EQ(b.Ask(kShared), Kind::kDone);
  // But what a living one is computing anew stays its own.
  EXPECT_EQ(b.Ask(kOther), Kind::kMine);
  ASSERT_TRUE(next.claims.Publish({Computed(kOther)}).ok());
  EXPECT_EQ(next.Ask(kOther), Kind::kElsewhere);
}

/// Runs are threads here, each with claims of its own; what is held by a dead
/// run is free for all of them at once.
TEST_F(FileClaimsTest, OfManyAtOnceOneGetsATask) {
  constexpr int kRuns = 8;
  {
    LivingRun dead(*this, "dead");
    EXPECT_EQ(dead.Ask(kOther), Kind::kMine);
  }
  std::vector<std::unique_ptr<LivingRun>> runs;
  for (int i = 0; i < kRuns; ++i)
    runs.push_back(
        std::make_unique<LivingRun>(*this, "run" + std::to_string(i)));
  std::atomic<int> mine[2] = {0, 0};
  {
    std::vector<std::jthread> threads;
    for (const auto& run : runs)
      threads.emplace_back([&] {
        for (const TaskId task : {kShared, kOther})
          if (run->Ask(task) == Kind::kMine) ++mine[task];
      });
  }
  EXPECT_EQ(mine[kShared], 1);
  EXPECT_EQ(mine[kOther], 1);
}

}  // namespace
}  // namespace besom::run
