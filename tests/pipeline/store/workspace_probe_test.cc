#include "pipeline/store/workspace_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/fakes/manual_clock.h"

namespace besom {
namespace {

using ::testing::HasSubstr;

class WorkspaceProbeTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(layout_.root()); }
  void TearDown() override { SetUp(); }

  std::ptrdiff_t CountFiles() const {
    return std::distance(std::filesystem::directory_iterator(layout_.root()),
                         std::filesystem::directory_iterator());
  }

  const WorkspaceLayout layout_{Path(::testing::TempDir()) /
                                "workspace_probe_test"};
};

TEST_F(WorkspaceProbeTest, ATokenIsThereAsLongAsTheProbeLives) {
  {
    auto probe = WorkspaceProbe::Try(layout_);
    ASSERT_TRUE(probe.ok()) << probe.status().ToString();
    const WorkspaceProbe moved = *std::move(probe);
    EXPECT_EQ(TokenSearch(layout_, moved.token(), {}).Look(), true);
    EXPECT_EQ(CountFiles(), 1);
    const auto other = WorkspaceProbe::Try(layout_);
    EXPECT_NE(other->token().name, moved.token().name);
    EXPECT_NE(other->token().content, moved.token().content);
  }
  EXPECT_EQ(CountFiles(), 0);
}

TEST_F(WorkspaceProbeTest, AnotherContentIsAnotherFolder) {
  const auto probe = WorkspaceProbe::Try(layout_);
  WorkspaceToken other = probe->token();
  other.content += "x";
  EXPECT_EQ(TokenSearch(layout_, other, {}).Look(), false);
}

TEST_F(WorkspaceProbeTest, OnANetworkItMayComeLate) {
  testing::ManualClock clock;
  const Patience patience{60, &clock, {}};
  const WorkspaceToken token{"late", "content"};
  TokenSearch seen(layout_, token, patience), missed(layout_, token, patience);
  EXPECT_EQ(seen.Look(), std::nullopt);
  clock.now += 59;
  EXPECT_EQ(seen.Look(), std::nullopt);
  clock.now += 2;
  EXPECT_EQ(missed.Look(), false);
  ASSERT_TRUE(
      WriteFileAtomic(layout_.root() / "late", std::string_view("content"))
          .ok());
  EXPECT_EQ(seen.Look(), true);
}

TEST_F(WorkspaceProbeTest, ADiskThatDoesNotSyncIsRefused) {
  DiskCalls disk = DiskCalls::System();
  disk.sync = [](int) {
    errno = EIO;
    return -1;
  };
  const auto probe = WorkspaceProbe::Try(layout_, disk);
  EXPECT_EQ(probe.status().code(), StatusCode::kIo);
  EXPECT_EQ(CountFiles(), 0);
}

TEST_F(WorkspaceProbeTest, ADiskThatDoesNotRenameIsRefused) {
  DiskCalls disk = DiskCalls::System();
  disk.rename = [](const char*, const char*) {
    errno = EIO;
    return -1;
  };
  EXPECT_EQ(WorkspaceProbe::Try(layout_, disk).status().code(),
            StatusCode::kIo);
  EXPECT_EQ(CountFiles(), 0);
}

TEST_F(WorkspaceProbeTest, LocksThatKeepNobodyOutAreRefused) {
  const LockCalls locks{[](int, int, struct flock*) { return 0; }};
  const auto probe = WorkspaceProbe::Try(layout_, DiskCalls::System(), locks);
  EXPECT_EQ(probe.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(probe.status().ToString(), HasSubstr("keep nobody out"));
  EXPECT_EQ(CountFiles(), 0);
}

TEST_F(WorkspaceProbeTest, AFileSystemWithoutLocksPasses) {
  const LockCalls locks{[](int, int, struct flock*) {
    errno = ENOLCK;
    return -1;
  }};
  const auto probe = WorkspaceProbe::Try(layout_, DiskCalls::System(), locks);
  EXPECT_TRUE(probe.ok()) << probe.status().ToString();
  EXPECT_EQ(CountFiles(), 1);
}

}  // namespace
}  // namespace besom
