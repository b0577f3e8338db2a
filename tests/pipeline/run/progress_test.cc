#include "pipeline/run/progress.h"

#include <gtest/gtest.h>

#include <memory>

namespace besom::run {
namespace {

class FakeClock final : public Clock {
 public:
  double Monotonic() const override { return now; }
  double Wall() const override { return now; }
  double now = 100;
};

class ProgressTest : public ::testing::Test {
 protected:
  std::string Text() {
    std::fflush(file_.get());
    std::rewind(file_.get());
    std::string text(1 << 14, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file_.get()));
    return text;
  }
  FakeClock clock_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{std::tmpfile(),
                                                        std::fclose};
};

TEST_F(ProgressTest, PlainLinesShowRateAndRemainingTime) {
  Progress progress(ProgressMode::kPlain, clock_, file_.get());
  progress.Expect("features", 10, 3);
  progress.TaskShare("features", 0, 0);
  clock_.now += 20;
  progress.TaskDone("features", 0);
  progress.TaskShare("features", 1, 0.5);
  progress.Draw();
  EXPECT_EQ(Text(),
            "features       1/10 tasks  15 %  0.1 tasks/s, 1:53 left  "
            "(3 reused)\n");
}

TEST_F(ProgressTest, NothingIsShownWhenToldToBeQuiet) {
  Progress progress(ProgressMode::kNone, clock_, file_.get());
  progress.Expect("features", 10, 0);
  progress.TaskDone("features", 0);
  progress.Say("hello");
  clock_.now += 100;
  progress.Draw();
  EXPECT_EQ(Text(), "");
}

TEST_F(ProgressTest, ATerminalIsRedrawnInPlace) {
  Progress progress(ProgressMode::kTerminal, clock_, file_.get());
  progress.Expect("features", 2, 0);
  progress.TaskShare("features", 0, 0.5);
  clock_.now += 1;
  progress.Draw();
  progress.TaskDone("features", 0);
  clock_.now += 1;
  progress.Draw();
  const std::string text = Text();
  EXPECT_NE(text.find("\x1b[1A\x1b[2K"), std::string::npos);
}

TEST(DurationTest, IsForPeople) {
  EXPECT_EQ(Duration(65), "1:05");
  EXPECT_EQ(Duration(7400), "2:03:20");
  EXPECT_EQ(Duration(-1), "0:00");
}

}  // namespace
}  // namespace besom::run
