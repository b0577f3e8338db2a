#include "cluster/parent_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace besom::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LauncherChainTest, EndsAtTheNearestLauncher) {
  EXPECT_THAT(LauncherChain({}), IsEmpty());
  EXPECT_THAT(LauncherChain({{9, "prterun"}, {8, "bash"}, {7, "srun"}}),
              ElementsAre(9));
  EXPECT_THAT(LauncherChain({{9, "sh"}, {8, "prted"}, {7, "sshd"}}),
              ElementsAre(9, 8));
  // Names are cut to 15 characters.
  EXPECT_THAT(LauncherChain({{9, "hydra_pmi_proxy"}}), ElementsAre(9));
  // Without a launcher only the parent counts, not the user's shell above.
  EXPECT_THAT(LauncherChain({{9, "besom"}, {8, "bash"}}), ElementsAre(9));
}

TEST(AncestorsTest, StartWithTheParent) {
  const std::vector<Ancestor> ancestors = Ancestors();
  if (::getppid() == 1) {
    EXPECT_THAT(ancestors, IsEmpty());
  } else {
    ASSERT_FALSE(ancestors.empty());
    EXPECT_EQ(ancestors[0].pid, ::getppid());
    EXPECT_FALSE(ancestors[0].name.empty());
  }
}

// A watched process below a parent that this test ends.
class ParentWatchTest : public ::testing::Test {
 protected:
  // Starts the two; `watched` runs in the lower one, with the end of a pipe.
  void Start(const std::function<void(int)>& watched) {
    // The orphan becomes ours, so that its exit code can be read.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    parent_ = ::fork();
    if (parent_ == 0) {
      if (::fork() == 0) {
        watched(ends[1]);
        ::_exit(0);
      }
      while (true) ::pause();
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  void TearDown() override {
    ::close(output_);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

  // The next byte, or 0 when none comes in `seconds`.
  char Read(int seconds) {
    struct pollfd event = {output_, POLLIN, 0};
    char byte = 0;
    if (::poll(&event, 1, seconds * 1000) != 1) return 0;
    return ::read(output_, &byte, 1) == 1 ? byte : 0;
  }

  void KillParent() {
    ::kill(parent_, SIGKILL);
    ::waitpid(parent_, nullptr, 0);
  }

  pid_t parent_ = 0;
  int output_ = -1;
};

TEST_F(ParentWatchTest, EndsTheProcessOfADeadParent) {
  Start([](int pipe) {
    ParentWatch watch({.on_lost = [&] { (void)!::write(pipe, "L", 1); },
                       .grace_seconds = 0.2,
                       .exit_code = 3});
    (void)!::write(pipe, watch.lost() ? "?" : "S", 1);
    while (true) ::pause();
  });
  ASSERT_EQ(Read(10), 'S');
  KillParent();
  ASSERT_EQ(Read(2), 'L');
  int state = 0;
  ASSERT_GT(::waitpid(-1, &state, 0), 0);
  ASSERT_TRUE(WIFEXITED(state));
  EXPECT_EQ(WEXITSTATUS(state), 3);
}

TEST_F(ParentWatchTest, TheProcessMayEndByItself) {
  Start([](int pipe) {
    ParentWatch watch({.grace_seconds = 60});
    (void)!::write(pipe, "S", 1);
    while (!watch.lost()) ::usleep(1000);
    ::_exit(7);
  });
  ASSERT_EQ(Read(10), 'S');
  KillParent();
  int state = 0;
  ASSERT_GT(::waitpid(-1, &state, 0), 0);
  EXPECT_EQ(WEXITSTATUS(state), 7);
}

TEST_F(ParentWatchTest, DoesNothingAfterItsEnd) {
  Start([tester = ::getpid()](int pipe) {
    { ParentWatch watch({.grace_seconds = 0}); }
    (void)!::write(pipe, "S", 1);
    while (::getppid() != tester) ::usleep(1000);
  });
  ASSERT_EQ(Read(10), 'S');
  KillParent();
  int state = 0;
  ASSERT_GT(::waitpid(-1, &state, 0), 0);
  EXPECT_TRUE(WIFEXITED(state) && WEXITSTATUS(state) == 0);
}

}  // namespace
}  // namespace besom::cluster
