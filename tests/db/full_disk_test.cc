#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "db/claim_book.h"
#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Lines;
using testing::SampleSweep;
using testing::ScratchFolder;

/// What the child ends with where this machine lets nobody mount.
constexpr int kMayNotMount = 77;

CommitBatch LargeBatch(int number) {
  CommitBatch batch;
  batch.actions.resize(1);
  batch.actions[0].key = fmt::format("k{}", number);
  batch.actions[0].stage = "split";
  batch.actions[0].params = std::string(20000, 'p');
  return batch;
}

/// Commits until the disk is full, makes room, and goes on.
void FillAndGoOn(const Path& folder) {
  const Path path = folder / "besom.db";
  std::ofstream(folder / "filler") << std::string(200000, 'f');
  const auto store = *ResultsStore::Open(path);
  const SweepId sweep = *store->PutSweep(SampleSweep());
  const auto claims = *ClaimBook::Open(path);
  int committed = 0;
  Status status;
  while (status.ok()) {
    status = store->Commit(sweep, LargeBatch(committed));
    if (status.ok()) ++committed;
    ASSERT_LT(committed, 100) << "the disk never got full";
  }
  EXPECT_EQ(status.code(), StatusCode::kIo) << status.ToString();
  EXPECT_THAT(status.ToString(), HasSubstr("free some disk space"));
  std::filesystem::remove(folder / "filler");
  EXPECT_FALSE(store->FindAction(fmt::format("k{}", committed))->has_value());
  EXPECT_EQ((*claims->Claim("r", {"k0"}, 0))[0].state, ClaimState::kDone);
  EXPECT_EQ((*claims->Claim("r", {"new"}, 0))[0].state, ClaimState::kMine);
  ASSERT_OK(store->Commit(sweep, LargeBatch(committed)));
  EXPECT_THAT(Lines(path, "SELECT count(*) FROM action"),
              ElementsAre(fmt::format("{}", committed + 1)));
  EXPECT_THAT(Lines(path, "PRAGMA integrity_check"), ElementsAre("ok"));
}

/// A file system of 1 MiB, seen by the child only and gone with it.
TEST(FullDiskTest, IsReportedAndOnceFreedTheSameCommitFits) {
  const ScratchFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    const int spaces =
        geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
    if (unshare(spaces) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", folder.path().c_str(), "tmpfs", 0, "size=1m") != 0)
      _exit(kMayNotMount);
    FillAndGoOn(folder.path());
    _exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kMayNotMount)
    GTEST_SKIP() << "this machine lets nobody mount";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace besom::db
