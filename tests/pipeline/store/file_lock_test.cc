#include "pipeline/store/file_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace besom {
namespace {

class FileLockTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(path_.parent_path()); }
  void TearDown() override { SetUp(); }
  const Path path_ = Path(testing::TempDir()) / "file_lock_test" / "lock";
};

TEST_F(FileLockTest, OneHolderAtATimeAndItsNameIsReadable) {
  {
    const auto lock = FileLock::TryTake(path_, "host a");
    ASSERT_TRUE(lock.ok());
    ASSERT_TRUE(lock->has_value());
    EXPECT_FALSE(FileLock::TryTake(path_, "host b")->has_value());
    EXPECT_EQ(FileLock::HolderOf(path_), "host a");
  }
  EXPECT_TRUE(FileLock::TryTake(path_, "host b")->has_value());
}

TEST_F(FileLockTest, AKilledHolderGivesItBack) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = FileLock::TryTake(path_, "child");
    const char byte = lock.ok() && lock->has_value() ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  EXPECT_FALSE(FileLock::TryTake(path_, "parent")->has_value());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(FileLock::TryTake(path_, "parent")->has_value());
}

}  // namespace
}  // namespace besom
