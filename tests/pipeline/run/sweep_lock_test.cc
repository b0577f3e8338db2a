// Who may run a sweep: its lock, the judge of dead holders, and the records
// of runs that are in the way.
#include "pipeline/run/sweep_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "pipeline/run/begin_alone.h"
#include "pipeline/store/run_lock.h"
#include "tests/fakes/fake_job_states.h"
#include "tests/fakes/manual_clock.h"

namespace besom::run {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// What F_OFD_SETLK answers on Lustre without -o flock.
const LockCalls kNoLocks{[](int, int, struct flock*) {
  errno = ENOSYS;
  return -1;
}};

class SweepLockTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(root_); }
  void TearDown() override { std::filesystem::remove_all(root_); }

  SweepLockRequest Request() {
    SweepLockRequest request;
    request.sweep = "x";
    request.path = layout_.sweep_lock("x");
    request.stop_requests = [this] { return stop_requests_; };
    request.sleep = [this](double seconds) {
      clock_.now += seconds;
      ++sleeps_;
      if (on_sleep_) on_sleep_();
    };
    return request;
  }
  Result<SweepLock> Take(const LockCalls& calls = LockCalls::System()) {
    return SweepLock::Take(Request(), judge_, calls);
  }
  Result<SweepLock> Steal(const LockCalls& calls = LockCalls::System()) {
    SweepLockRequest request = Request();
    request.steal = true;
    return SweepLock::Take(request, judge_, calls);
  }
  /// Another process holds the lock; what it wrote.
  FileLock Held(const std::string& holder) {
    return **FileLock::TryTake(layout_.sweep_lock("x"), holder);
  }

  const Path root_ =
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  const WorkspaceLayout layout_{root_};
  testing::ManualClock clock_;
  testing::FakeJobStates jobs_;
  HolderJudge judge_{{"here", 1, "99", "alpha", 2}, jobs_, clock_};
  int stop_requests_ = 0, sleeps_ = 0;
  std::function<void()> on_sleep_;
};

TEST_F(SweepLockTest, AFreeOneIsTakenFromNobody) {
  const auto lock = Take();
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(lock->why(), "");
  EXPECT_TRUE(lock->works());
  EXPECT_TRUE(lock->IsOurs());
  EXPECT_EQ(FileLock::HolderOf(layout_.sweep_lock("x")),
            "host here, pid 1, Slurm job 99 of alpha, restart 2");
}

TEST_F(SweepLockTest, AHeldOneIsRefusedByNameAndWithBothCures) {
  const FileLock held = Held("host here, pid 7");
  const auto refused = Take();
  EXPECT_EQ(refused.status().code(), StatusCode::kInterrupted);
  EXPECT_THAT(refused.status().cause(), HasSubstr("host here, pid 7"));
  EXPECT_THAT(refused.status().cure(), HasSubstr("--wait"));
  EXPECT_THAT(refused.status().cure(), HasSubstr("--steal"));
  EXPECT_THAT(jobs_.asked, IsEmpty());
  EXPECT_TRUE(held.IsNamed());
}

TEST_F(SweepLockTest, StealingBreaksItAndTheHolderCanTell) {
  const FileLock held = Held("host here, pid 7");
  const auto stolen = Steal();
  ASSERT_TRUE(stolen.ok());
  EXPECT_EQ(stolen->why(), "--steal");
  EXPECT_EQ(stolen->robbed(), "host here, pid 7");
  EXPECT_TRUE(stolen->IsOurs());
  EXPECT_FALSE(held.IsNamed());
  EXPECT_EQ(Take().status().code(), StatusCode::kInterrupted);
}

TEST_F(SweepLockTest, StealingWhatNobodyHasRobsNobody) {
  EXPECT_EQ(Steal()->why(), "");
}

TEST_F(SweepLockTest, AThiefCanBeRobbedToo) {
  const FileLock held = Held("host here, pid 7");
  const auto first = Steal(), second = Steal();
  EXPECT_FALSE(first->IsOurs());
  EXPECT_TRUE(second->IsOurs());
  SweepLockWatch watch(*first, clock_), other(*second, clock_);
  EXPECT_TRUE(watch.IsLost());
  EXPECT_FALSE(other.IsLost());
}

TEST_F(SweepLockTest, TheWatchLooksOnceASecond) {
  const auto lock = Take();
  SweepLockWatch watch(*lock, clock_);
  EXPECT_FALSE(watch.IsLost());
  std::filesystem::remove(layout_.sweep_lock("x"));
  EXPECT_FALSE(watch.IsLost());
  clock_.now += 1;
  EXPECT_TRUE(watch.IsLost());
}

TEST_F(SweepLockTest, AnotherHostsLockIsBrokenWhenItsJobIsOver) {
  const FileLock held = Held("host other, pid 7, Slurm job 12 of alpha");
  jobs_.states["12"] = cluster::JobState::kOver;
  const auto taken = Take();
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken->why(), "Slurm job 12 is over");
  EXPECT_THAT(jobs_.asked, ElementsAre("12@alpha"));
  EXPECT_FALSE(held.IsNamed());
}

TEST_F(SweepLockTest, AJobThatRunsOrThatNobodyKnowsIsNotRobbed) {
  const FileLock held = Held("host other, pid 7, Slurm job 12");
  EXPECT_EQ(Take().status().code(), StatusCode::kInterrupted);
  clock_.now += HolderJudge::kAskSeconds;
  jobs_.states["12"] = cluster::JobState::kActive;
  EXPECT_EQ(Take().status().code(), StatusCode::kInterrupted);
  EXPECT_EQ(jobs_.asked.size(), 2u);
  EXPECT_TRUE(held.IsNamed());
}

TEST_F(SweepLockTest, OnThisHostTheLockIsTrusted) {
  const FileLock held = Held("host here, pid 7, Slurm job 12");
  jobs_.states["12"] = cluster::JobState::kOver;
  EXPECT_EQ(Take().status().code(), StatusCode::kInterrupted);
  EXPECT_THAT(jobs_.asked, IsEmpty());
}

TEST_F(SweepLockTest, AJobThatSlurmStartedAgainReplacesItsEarlierSelf) {
  const FileLock held = Held("host other, pid 7, Slurm job 99 of alpha");
  const auto taken = Take();
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken->why(), "Slurm has started job 99 again");
}

TEST_F(SweepLockTest, AnotherStepOfOurOwnJobIsAlive) {
  const FileLock held =
      Held("host other, pid 7, Slurm job 99 of alpha, restart 2");
  EXPECT_EQ(Take().status().code(), StatusCode::kInterrupted);
  EXPECT_THAT(jobs_.asked, IsEmpty());
}

TEST_F(SweepLockTest, WaitingEndsWithTheHolderAndAsksSlurmSeldom) {
  std::optional<FileLock> held(Held("host other, pid 7, Slurm job 12"));
  jobs_.states["12"] = cluster::JobState::kActive;
  on_sleep_ = [&] {
    if (sleeps_ == 100) held.reset();
  };
  SweepLockRequest request = Request();
  request.wait = true;
  EXPECT_TRUE(SweepLock::Take(request, judge_).ok());
  EXPECT_EQ(sleeps_, 100);
  EXPECT_LE(jobs_.asked.size(), 2u);
}

TEST_F(SweepLockTest, WaitingEndsWhenAskedToStop) {
  const FileLock held = Held("host here, pid 7");
  on_sleep_ = [&] { stop_requests_ = sleeps_ / 3; };
  SweepLockRequest request = Request();
  request.wait = true;
  EXPECT_EQ(SweepLock::Take(request, judge_).status().code(),
            StatusCode::kInterrupted);
  EXPECT_EQ(sleeps_, 3);
}

TEST_F(SweepLockTest, WithoutLocksTheFileTells) {
  {
    const auto first = Take(kNoLocks);
    ASSERT_TRUE(first.ok()) << first.status().ToString();
    EXPECT_FALSE(first->works());
    const auto second = Take(kNoLocks);
    EXPECT_EQ(second.status().code(), StatusCode::kInterrupted);
    EXPECT_THAT(second.status().cause(), HasSubstr("no locks"));
    EXPECT_TRUE(first->IsOurs());  // Asking took nothing.
    const auto stolen = Steal(kNoLocks);
    ASSERT_TRUE(stolen.ok());
    EXPECT_EQ(stolen->why(), "--steal");
    EXPECT_FALSE(first->IsOurs());
    EXPECT_TRUE(stolen->IsOurs());
  }
  EXPECT_EQ(Take(kNoLocks)->why(), "");  // It was removed at the end.
}

TEST_F(SweepLockTest, WithoutLocksSlurmDecidesOnThisHostToo) {
  ASSERT_TRUE(
      WriteFileAtomic(layout_.sweep_lock("x"), "host here, pid 7, Slurm job 12")
          .ok());
  EXPECT_EQ(Take(kNoLocks).status().code(), StatusCode::kInterrupted);
  clock_.now += HolderJudge::kAskSeconds;
  jobs_.states["12"] = cluster::JobState::kOver;
  EXPECT_EQ(Take(kNoLocks)->why(), "Slurm job 12 is over");
}

TEST(ThisHolderTest, SlurmsVariablesAreRead) {
  std::map<std::string, std::string, std::less<>> variables;
  const auto environment =
      [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  EXPECT_EQ(ThisHolder("a", environment).job, "");
  variables = {{"SLURM_JOB_ID", "12"},
               {"SLURM_CLUSTER_NAME", "alpha"},
               {"SLURM_RESTART_COUNT", "3"}};
  const LockHolder holder = ThisHolder("a", environment);
  EXPECT_EQ(holder, (LockHolder{"a", holder.pid, "12", "alpha", 3}));
}

/// Runs of a sweep "x" and of another one in one database.
class BeginAloneTest : public SweepLockTest {
 protected:
  void SetUp() override {
    SweepLockTest::SetUp();
    results_ = Open();
    for (const std::string name : {"x", "other"}) {
      db::SweepRow row;
      row.name = name;
      row.metric = {"loss", "loss", "", false};
      row.split = "validation";
      ids_[name] = *results_->PutSweep(row);
    }
  }
  std::unique_ptr<db::ResultsStore> Open() {
    return *db::ResultsStore::Open(layout_.database());
  }
  static db::RunRow Run(const std::string& name, const std::string& host,
                        const std::string& job = "") {
    db::RunRow run;
    run.run = name;
    run.host = host;
    run.job = job;
    return run;
  }
  Status Begin(const SweepLock& lock, bool steal = false,
               const std::string& name = "new") {
    writer_ = Open();
    return BeginAlone({lock, layout_, *writer_, clock_, steal}, judge_,
                      ids_["x"], Run(name, "here"));
  }
  /// Whether what a run writes is taken.
  bool MayWrite(const std::string& run) {
    const auto store = Open();
    store->WriteAs(run);
    return store->ForgetActions({"none"}).ok();
  }
  std::vector<std::string> OpenNames() {
    std::vector<std::string> names;
    const std::vector<db::RunRow> runs = results_->OpenRuns().value();
    for (const db::RunRow& run : runs) names.push_back(run.run);
    return names;
  }

  std::unique_ptr<db::ResultsStore> results_, writer_;
  std::map<std::string, db::SweepId> ids_;
};

TEST_F(BeginAloneTest, ARobbedRunMayWriteNoMore) {
  ASSERT_TRUE(results_->PutRun(ids_["x"], Run("old", "here")).ok());
  const FileLock held = Held("host here, pid 7");
  const RunLock run_lock = *RunLock::Take(layout_, "old", "host here, pid 7");
  const auto lock = Steal();
  EXPECT_TRUE(MayWrite("old"));
  EXPECT_TRUE(Begin(*lock).ok());
  EXPECT_FALSE(MayWrite("old"));
  EXPECT_TRUE(MayWrite("new"));
  EXPECT_FALSE(*IsRunAlive(layout_, "old"));
}

TEST_F(BeginAloneTest, RunsOfOtherSweepsAreLeftAlone) {
  ASSERT_TRUE(results_->PutRun(ids_["other"], Run("theirs", "here")).ok());
  const RunLock run_lock = *RunLock::Take(layout_, "theirs", "host here");
  const FileLock held = Held("host here, pid 7");
  const auto lock = Steal();
  EXPECT_TRUE(Begin(*lock).ok());
  EXPECT_TRUE(MayWrite("theirs"));
  EXPECT_TRUE(*IsRunAlive(layout_, "theirs"));
}

TEST_F(BeginAloneTest, WhoeverHasTheSweepEndsARunWhoseOwnLockIsStillKept) {
  ASSERT_TRUE(results_->PutRun(ids_["x"], Run("old", "other")).ok());
  const RunLock run_lock = *RunLock::Take(layout_, "old", "host other, pid 7");
  const auto lock = Take();
  EXPECT_TRUE(Begin(*lock).ok());
  EXPECT_FALSE(MayWrite("old"));
}

TEST_F(BeginAloneTest, WhoLosesTheSweepBeforeItBeginsEnds) {
  const auto lock = Take();
  const auto thief = Steal();
  EXPECT_EQ(Begin(*lock).code(), StatusCode::kInterrupted);
  EXPECT_THAT(OpenNames(), IsEmpty());
  EXPECT_FALSE(MayWrite("new"));
}

TEST_F(BeginAloneTest, WithoutLocksAnyOpenRunOfTheWorkspaceIsInTheWay) {
  ASSERT_TRUE(
      results_->PutRun(ids_["other"], Run("theirs", "here", "12")).ok());
  {
    const auto lock = Take(kNoLocks);
    const Status refused = Begin(*lock);
    EXPECT_EQ(refused.code(), StatusCode::kInterrupted);
    EXPECT_THAT(refused.cause(), HasSubstr("host here"));
    EXPECT_THAT(refused.cure(), HasSubstr("--steal"));
    EXPECT_THAT(OpenNames(), ElementsAre("theirs"));
    EXPECT_TRUE(MayWrite("theirs"));
  }
  clock_.now += HolderJudge::kAskSeconds;
  jobs_.states["12"] = cluster::JobState::kOver;
  const auto lock = Take(kNoLocks);
  EXPECT_TRUE(Begin(*lock, /*steal=*/false, "newer").ok());
  EXPECT_FALSE(MayWrite("theirs"));
}

TEST_F(BeginAloneTest, WithoutLocksTheUsersWordIsForTheWholeWorkspace) {
  ASSERT_TRUE(results_->PutRun(ids_["other"], Run("theirs", "here")).ok());
  const auto lock = Steal(kNoLocks);
  EXPECT_TRUE(Begin(*lock, /*steal=*/true).ok());
  EXPECT_FALSE(MayWrite("theirs"));
}

}  // namespace
}  // namespace besom::run
