#include "cluster/error_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

namespace besom::cluster {
namespace {

using ::testing::ElementsAre;

void Write(int fd, std::string_view text) {
  ASSERT_EQ(::write(fd, text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
}

TEST(ErrorRelayTest, PassesEverythingOnAndShowsLines) {
  std::vector<std::string> lines;
  ::testing::internal::CaptureStderr();
  {
    auto relay = ErrorRelay::Start(
        [&](std::string_view line) { lines.emplace_back(line); });
    ASSERT_TRUE(relay.ok());
    Write((*relay)->fd(), "one\ntw");
    Write((*relay)->fd(), "o\n\nthree");
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "one\ntwo\n\nthree");
  EXPECT_THAT(lines, ElementsAre("one", "two", "", "three"));
}

TEST(ErrorRelayTest, EndsAlthoughSomebodyMayStillWrite) {
  int copy = -1;
  {
    auto relay = ErrorRelay::Start([](std::string_view) {});
    ASSERT_TRUE(relay.ok());
    copy = ::dup((*relay)->fd());
  }
  ::close(copy);
}

TEST(LostNodeTest, IsNamedByBothOpenMpis) {
  EXPECT_EQ(LostNodeIn("  Remote daemon: [prterun-vm-94@0,3] on node node3"),
            "node3");
  EXPECT_EQ(LostNodeIn("  Remote daemon: [[41,0],2] on node gpu-17 \r"),
            "gpu-17");
}

TEST(LostNodeTest, IsNamedBySrun) {
  EXPECT_EQ(LostNodeIn("srun: error: Node failure on node3"), "node3");
  EXPECT_EQ(LostNodeIn("srun: error: Node failure on node[3-4]\r"),
            "node[3-4]");
  EXPECT_EQ(LostNodeIn("rank 1: Node failure on is no word of srun's"), "");
}

TEST(LostNodeTest, OtherLinesNameNone) {
  EXPECT_EQ(LostNodeIn("  HNP daemon   : [prterun-vm-94@0,0] on node vm"), "");
  EXPECT_EQ(LostNodeIn("Remote daemon: is well"), "");
  EXPECT_EQ(LostNodeIn(""), "");
}

}  // namespace
}  // namespace besom::cluster
