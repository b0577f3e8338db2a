#include "cluster/start_watch.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace besom::cluster {
namespace {

TEST(StartWatchTest, CountsTheChildrenOfAProcess) {
  const int before = ChildrenOf(::getpid());
  ASSERT_GE(before, 0);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::close(ends[1]);
    (void)!::read(ends[0], &byte, 1);
    ::_exit(0);
  }
  EXPECT_EQ(ChildrenOf(::getpid()), before + 1);
  ::close(ends[1]);
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  EXPECT_EQ(ChildrenOf(::getpid()), before);
}

TEST(StartWatchTest, LeavesAStartAloneThatEnds) { const StartWatch watch(1); }

TEST(StartWatchDeathTest, EndsAProcessWhoseSiblingsAreGone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const StartWatch watch(100000);
        ::pause();
      },
      ::testing::ExitedWithCode(3), "a rank beside this one has ended");
}

}  // namespace
}  // namespace besom::cluster
