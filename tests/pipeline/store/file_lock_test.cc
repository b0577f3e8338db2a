#include "pipeline/store/file_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

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

TEST_F(FileLockTest, ABrokenLockIsHeldAnewAndTheOldHolderCanTell) {
  auto old = FileLock::TryTake(path_, "old");
  ASSERT_TRUE(old.ok() && old->has_value());
  EXPECT_TRUE((*old)->IsNamed());
  auto thief = FileLock::Break(path_, "thief");
  ASSERT_TRUE(thief.ok() && thief->has_value());
  EXPECT_FALSE((*old)->IsNamed());
  EXPECT_TRUE((*thief)->IsNamed());
  EXPECT_EQ(FileLock::HolderOf(path_), "thief");
  EXPECT_FALSE(FileLock::TryTake(path_, "third")->has_value());
  (*old)->RemoveFile();  // Not the thief's.
  EXPECT_TRUE((*thief)->IsNamed());
}

TEST_F(FileLockTest, ARemovedFileIsNotOurs) {
  auto lock = FileLock::TryTake(path_, "a");
  ASSERT_TRUE(lock.ok() && lock->has_value());
  std::filesystem::remove(path_);
  EXPECT_FALSE((*lock)->IsNamed());
}

TEST_F(FileLockTest, AFileSystemWithoutLocksIsToldWithItsCure) {
  for (const int error : {ENOLCK, EOPNOTSUPP, ENOSYS}) {
    static int refused_with;
    refused_with = error;
    const LockCalls refusing{[](int, int, struct flock*) {
      errno = refused_with;
      return -1;
    }};
    const auto lock = FileLock::TryTake(path_, "a", refusing);
    EXPECT_EQ(lock.status().code(), StatusCode::kUnavailable);
    EXPECT_NE(lock.status().cure().find("-o flock"), std::string::npos);
  }
}

TEST_F(FileLockTest, AnUnlockedFileIsItsMakersUntilTheNextOne) {
  auto first = FileLock::PutUnlocked(path_, "first");
  ASSERT_TRUE(first.ok() && first->has_value());
  EXPECT_TRUE((*first)->IsNamed());
  auto second = FileLock::PutUnlocked(path_, "second");
  ASSERT_TRUE(second.ok() && second->has_value());
  EXPECT_FALSE((*first)->IsNamed());
  EXPECT_EQ(FileLock::HolderOf(path_), "second");
}

}  // namespace
}  // namespace besom
