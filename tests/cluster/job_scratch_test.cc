#include "cluster/job_scratch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace besom::cluster {
namespace {

class JobScratchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    const char* before = ::getenv("TMPDIR");
    if (before) before_ = before;
    ::setenv("TMPDIR", root_.c_str(), 1);
  }
  void TearDown() override {
    if (before_)
      ::setenv("TMPDIR", before_->c_str(), 1);
    else
      ::unsetenv("TMPDIR");
    std::filesystem::remove_all(root_);
  }
  /// A folder with a file in it, made an hour ago or now.
  Path Leave(const std::string& name, bool old) const {
    const Path folder = root_ / name;
    std::filesystem::create_directories(folder / "below");
    if (old) {
      const timespec times[2] = {{::time(nullptr) - 3600, 0},
                                 {::time(nullptr) - 3600, 0}};
      EXPECT_EQ(::utimensat(AT_FDCWD, folder.c_str(), times, 0), 0);
    }
    return folder;
  }

  const Path root_ =
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  std::optional<std::string> before_;
};

TEST_F(JobScratchTest, ItsFoldersLiveAsLongAsItDoes) {
  Path folder;
  {
    const JobScratch scratch(/*single_host=*/false);
    folder = scratch.environment().at("PRTE_MCA_prte_local_tmpdir_base");
    EXPECT_TRUE(std::filesystem::is_directory(folder));
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(JobScratchTest, WhatAKilledLauncherLeftIsRemoved) {
  const Path dead = Leave("besom-mpi-dead00", true),
             young = Leave("besom-mpi-young0", false),
             other = Leave("somebody-elses", true),
             alive = Leave("besom-mpi-alive0", true);
  const int lock = ::open(alive.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0);
  const JobScratch scratch(/*single_host=*/false);
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(young));
  EXPECT_TRUE(std::filesystem::exists(other));
  EXPECT_TRUE(std::filesystem::exists(alive));
  ::close(lock);
}

}  // namespace
}  // namespace besom::cluster
