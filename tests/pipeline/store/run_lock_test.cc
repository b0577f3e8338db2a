#include "pipeline/store/run_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace besom {
namespace {

class RunLockTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(layout_.root()); }
  void TearDown() override { SetUp(); }
  const WorkspaceLayout layout_{
      Path(testing::TempDir()) /
      testing::UnitTest::GetInstance()->current_test_info()->name()};

  /// Runs `then` in a child that is killed once it says that it is ready.
  template <typename Then>
  void InKilledChild(const Then& then) {
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    child_ = ::fork();
    if (child_ == 0) {
      const auto lock = RunLock::Take(layout_, "r1", "host 7");
      if (::write(told[1], lock.ok() ? "y" : "n", 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    char byte = 0;
    ASSERT_EQ(::read(told[0], &byte, 1), 1);
    ASSERT_EQ(byte, 'y');
    then();
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::close(told[0]);
    ::close(told[1]);
  }
  pid_t child_ = 0;
};

TEST_F(RunLockTest, ARunLivesAsLongAsItsLock) {
  EXPECT_FALSE(*IsRunAlive(layout_, "r1"));
  {
    const auto lock = RunLock::Take(layout_, "r1", "host 7");
    ASSERT_TRUE(lock.ok()) << lock.status().ToString();
    EXPECT_TRUE(*IsRunAlive(layout_, "r1"));
    EXPECT_TRUE(*IsRunAlive(layout_, "r1"));  // Asking took nothing.
    EXPECT_FALSE(*IsRunAlive(layout_, "r2"));
    EXPECT_EQ(HolderOfRun(layout_, "r1"), "host 7");
    const auto second = RunLock::Take(layout_, "r1", "host 8");
    EXPECT_EQ(second.status().code(), StatusCode::kInternal);
    EXPECT_EQ(HolderOfRun(layout_, "r1"), "host 7");
  }
  EXPECT_FALSE(*IsRunAlive(layout_, "r1"));
  EXPECT_FALSE(std::filesystem::exists(layout_.run_lock("r1")));
}

TEST_F(RunLockTest, AKilledRunIsDeadAndItsFileIsSweptAway) {
  InKilledChild([&] {
    EXPECT_TRUE(*IsRunAlive(layout_, "r1"));
    EXPECT_EQ(*RemoveDeadRunLocks(layout_), 0);
  });
  EXPECT_TRUE(std::filesystem::exists(layout_.run_lock("r1")));
  EXPECT_FALSE(*IsRunAlive(layout_, "r1"));
  const auto alive = RunLock::Take(layout_, "r2", "host 9");
  EXPECT_EQ(*RemoveDeadRunLocks(layout_), 1);
  EXPECT_FALSE(std::filesystem::exists(layout_.run_lock("r1")));
  EXPECT_TRUE(*IsRunAlive(layout_, "r2"));
}

TEST_F(RunLockTest, ARunWhoseLockIsRemovedIsDeadForAll) {
  const auto lock = RunLock::Take(layout_, "r1", "host 7");
  ASSERT_TRUE(lock.ok());
  EXPECT_TRUE(RemoveRunLock(layout_, "r1").ok());
  EXPECT_FALSE(*IsRunAlive(layout_, "r1"));
  EXPECT_TRUE(RemoveRunLock(layout_, "r1").ok());  // Twice is once.
}

/// Between making the file and locking it; a dead one costs a name only.
TEST_F(RunLockTest, ARunThatIsJustStartingIsNotSweptAway) {
  ASSERT_TRUE(WriteFileAtomic(layout_.run_lock("r1"), "").ok());
  EXPECT_EQ(*RemoveDeadRunLocks(layout_), 0);
  EXPECT_TRUE(std::filesystem::exists(layout_.run_lock("r1")));
}

TEST_F(RunLockTest, NothingToSweepInAFreshWorkspace) {
  EXPECT_EQ(*RemoveDeadRunLocks(layout_), 0);
}

TEST_F(RunLockTest, AHostileRunNameStaysInItsFolder) {
  EXPECT_EQ(layout_.run_lock("../../x").parent_path(), layout_.run_locks());
  EXPECT_NE(layout_.run_lock("a/b"), layout_.run_lock("a_b"));
}

/// Threads take the lock, count themselves in and out and remove the file:
/// whoever locked a removed file must notice, or two are inside at once.
TEST_F(RunLockTest, ARemovedFileNeverMakesTwoHolders) {
  const Path path = layout_.run_lock("contended");
  std::atomic<int> inside{0}, overlaps{0}, rounds{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (rounds < 1000) {
        auto lock = FileLock::TryTake(path, "x");
        ASSERT_TRUE(lock.ok()) << lock.status().ToString();
        if (!lock->has_value()) {
          std::this_thread::yield();
          continue;
        }
        if (++inside != 1) ++overlaps;
        std::this_thread::yield();
        if (inside != 1) ++overlaps;
        ++rounds;
        --inside;
        (*lock)->RemoveFile();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(overlaps, 0);
}

TEST_F(RunLockTest, RunsShareTheWorkspaceWhichCleaningNeedsAlone) {
  {
    const auto one = WorkspaceLock::TakeShared(layout_);
    const auto two = WorkspaceLock::TakeShared(layout_);
    ASSERT_TRUE(one.ok() && two.ok());
    EXPECT_FALSE(WorkspaceLock::TryTakeExclusive(layout_, "gc")->has_value());
  }
  const auto gc = WorkspaceLock::TryTakeExclusive(layout_, "gc on host 3");
  ASSERT_TRUE(gc.ok() && gc->has_value());
  const auto refused = WorkspaceLock::TakeShared(layout_);
  EXPECT_EQ(refused.status().code(), StatusCode::kInterrupted);
  EXPECT_NE(refused.status().cause().find("gc on host 3"), std::string::npos);
}

}  // namespace
}  // namespace besom
