#include "pipeline/store/task_notes.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace besom {
namespace {

class TaskNotesTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static TaskNote Of(const std::string& run) {
    TaskNote note;
    note.run = run;
    note.holder = "host h, pid 1";
    return note;
  }

  const Path folder_ =
      Path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  const Digest key_ = DigestOf(std::string_view("task"));
  TaskNotes notes_{folder_};
};

TEST_F(TaskNotesTest, TheLastOneHoldsForEveryReader) {
  EXPECT_EQ(notes_.Last(key_)->number, 0);
  EXPECT_TRUE(*notes_.Add(key_, 0, Of("a")));
  TaskNotes others(folder_);
  EXPECT_EQ(others.Last(key_)->run, "a");
  EXPECT_FALSE(*others.Add(key_, 0, Of("b")));
  EXPECT_EQ(notes_.Last(key_)->run, "a");
  EXPECT_TRUE(*others.Add(key_, 1, Of("b")));
  const TaskNote last = *notes_.Last(key_);
  EXPECT_EQ(last.number, 2);
  EXPECT_EQ(last.run, "b");
  EXPECT_EQ(last.holder, "host h, pid 1");
  EXPECT_FALSE(last.outcome.has_value());
}

TEST_F(TaskNotesTest, AnOutcomeTakesThePlaceOfAClaim) {
  EXPECT_TRUE(*notes_.Add(key_, 0, Of("a")));
  TaskNote done = *notes_.Last(key_);
  done.outcome = Json{{"seconds", 1.5}};
  ASSERT_TRUE(notes_.Replace(key_, done).ok());
  const TaskNote last = *TaskNotes(folder_).Last(key_);
  EXPECT_EQ(last.number, 1);
  EXPECT_EQ(last.outcome, done.outcome);
}

TEST_F(TaskNotesTest, ADamagedOneIsNobodys) {
  EXPECT_TRUE(*notes_.Add(key_, 0, Of("a")));
  for (const char* text : {"", "{\"run\":\"a", "[]", "{\"run\":7}"}) {
    ASSERT_TRUE(WriteFileAtomic(folder_ / (key_.Hex() + ".1"), text).ok());
    const TaskNote last = *notes_.Last(key_);
    EXPECT_EQ(last.number, 1);
    EXPECT_EQ(last.run, "");
    EXPECT_FALSE(last.outcome.has_value());
  }
}

TEST_F(TaskNotesTest, OfManyAtOnceOneIsTheFirst) {
  constexpr int kThreads = 8, kRounds = 20;
  std::atomic<int> won = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&, i] {
        TaskNotes notes(folder_);
        for (int after = 0; after < kRounds; ++after) {
          const Result<bool> mine =
              notes.Add(key_, after, Of(std::to_string(i)));
          if (mine.ok() && *mine) ++won;
        }
      });
  }
  EXPECT_EQ(won, kRounds);
  EXPECT_EQ(notes_.Last(key_)->number, kRounds);
  // No temporary file is left.
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(folder_))
    ++files;
  EXPECT_EQ(files, std::size_t{kRounds});
}

}  // namespace
}  // namespace besom
