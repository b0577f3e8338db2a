#include "pipeline/run/checkpoint_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/fakes/manual_clock.h"

namespace besom::run {
namespace {

using Moment = stages::Checkpoint::Moment;

class CheckpointFileTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  CheckpointFile Make(double interval = 60) {
    return CheckpointFile(path_, interval, clock_);
  }

  const Path folder_ =
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  const Path path_ = folder_ / "checkpoints" / "key";
  testing::ManualClock clock_;
};

TEST_F(CheckpointFileTest, TheNextAttemptFindsWhatWasSavedLast) {
  EXPECT_FALSE(Make().Load());
  CheckpointFile one = Make();
  one.Save("first");
  one.Save(std::string("\0two\n", 5));
  EXPECT_EQ(Make().Load(), std::string("\0two\n", 5));
  Make().Save("");
  EXPECT_EQ(Make().Load(), "");
}

TEST_F(CheckpointFileTest, RemovingLeavesNothing) {
  CheckpointFile one = Make();
  one.Remove();  // Nothing is there.
  one.Save("bytes");
  one.Remove();
  EXPECT_FALSE(Make().Load());
  EXPECT_TRUE(std::filesystem::is_empty(path_.parent_path()));
}

TEST_F(CheckpointFileTest, WhatATaskHasNotSeenItDoesNotRemove) {
  Make().Save("bytes");
  Make().Remove();
  EXPECT_EQ(Make().Load(), "bytes");
  CheckpointFile reader = Make();
  EXPECT_TRUE(reader.Load());
  reader.Remove();
  EXPECT_FALSE(Make().Load());
}

TEST_F(CheckpointFileTest, DamagedBytesAreNothingAndAreRemoved) {
  Make().Save("some bytes of a task");
  std::string file = ReadFile(path_).value();
  for (const std::string& damaged :
       {file.substr(0, file.size() - 1), file + "x", std::string(),
        file.substr(0, 64), [&] {
          std::string flipped = file;
          flipped.back() ^= 1;
          return flipped;
        }()}) {
    ASSERT_TRUE(WriteFileAtomic(path_, damaged).ok());
    EXPECT_FALSE(Make().Load()) << damaged;
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

TEST_F(CheckpointFileTest, IsDueOnceItsTimeHasPassed) {
  CheckpointFile one = Make(60);
  EXPECT_FALSE(one.Due(Moment::kStop));
  clock_.now += 2;
  EXPECT_TRUE(one.Due(Moment::kStop));
  EXPECT_FALSE(one.Due(Moment::kStep));
  EXPECT_FALSE(one.Due(Moment::kEpoch));
  clock_.now += 59;
  EXPECT_TRUE(one.Due(Moment::kStep));
  EXPECT_TRUE(one.Due(Moment::kEpoch));
  one.Save("bytes");
  EXPECT_FALSE(one.Due(Moment::kEpoch));
}

TEST_F(CheckpointFileTest, WithoutAnIntervalItIsDueAfterEachEpoch) {
  CheckpointFile one = Make(0);
  EXPECT_TRUE(one.Due(Moment::kEpoch));
  EXPECT_TRUE(one.Due(Moment::kStop));
  clock_.now += 1000;
  EXPECT_FALSE(one.Due(Moment::kStep));
}

TEST_F(CheckpointFileTest, WhatCannotBeWrittenCostsNothingElse) {
  // A file stands where the folder should be.
  ASSERT_TRUE(WriteFileAtomic(folder_ / "checkpoints", "a file").ok());
  CheckpointFile one = Make();
  one.Save("bytes");
  EXPECT_FALSE(one.Load());
  one.Remove();
}

}  // namespace
}  // namespace besom::run
