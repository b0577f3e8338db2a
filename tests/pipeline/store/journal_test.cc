#include "pipeline/store/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

namespace besom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class JournalTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(layout_.root()); }
  void TearDown() override { SetUp(); }
  /// Adds bytes behind the journal's back.
  void AddBytes(std::string_view bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::app) << bytes;
  }

  const WorkspaceLayout layout_{
      Path(testing::TempDir()) /
      testing::UnitTest::GetInstance()->current_test_info()->name()};
  const Path path_ = layout_.journal("r", 0);
};

TEST_F(JournalTest, RecordsComeBackInOrderAlsoAfterReopening) {
  const Json odd = {{"text", "two\nlines \"quoted\""}, {"x", 0.1}};
  {
    Journal journal = *Journal::Open(path_);
    ASSERT_TRUE(journal.Append({{"begin", "k1"}}).ok());
    ASSERT_TRUE(journal.Append(odd).ok());
  }
  ASSERT_TRUE(Journal::Open(path_)->Append({{"end", "k1"}}).ok());
  const JournalRecords read = *ReadJournal(path_);
  EXPECT_THAT(read.records,
              ElementsAre(Json{{"begin", "k1"}}, odd, Json{{"end", "k1"}}));
  EXPECT_EQ(read.damaged, 0);
  EXPECT_FALSE(read.torn);
}

TEST_F(JournalTest, ATornLastLineIsLeftOutAndSpoilsNothingWrittenLater) {
  ASSERT_TRUE(Journal::Open(path_)->Append({{"a", 1}}).ok());
  AddBytes(R"({"torn": tr)");
  const JournalRecords torn = *ReadJournal(path_);
  EXPECT_THAT(torn.records, ElementsAre(Json{{"a", 1}}));
  EXPECT_TRUE(torn.torn);
  EXPECT_EQ(torn.damaged, 0);
  ASSERT_TRUE(Journal::Open(path_)->Append({{"b", 2}}).ok());
  const JournalRecords later = *ReadJournal(path_);
  EXPECT_THAT(later.records, ElementsAre(Json{{"a", 1}}, Json{{"b", 2}}));
  EXPECT_FALSE(later.torn);
  EXPECT_EQ(later.damaged, 1);
}

/// A whole record whose line end is missing may still be cut: {"a":12 of 123.
TEST_F(JournalTest, ALineWithoutItsEndIsNoRecord) {
  ASSERT_TRUE(Journal::Open(path_)->Append({{"a", 1}}).ok());
  AddBytes(R"({"b":2})");
  EXPECT_THAT(ReadJournal(path_)->records, ElementsAre(Json{{"a", 1}}));
}

TEST_F(JournalTest, DamagedLinesAreSkippedAndCounted) {
  Journal journal = *Journal::Open(path_);
  ASSERT_TRUE(journal.Append({{"a", 1}}).ok());
  AddBytes(std::string("\0\0\0\0\n{\"x\": }\n\n", 14));
  ASSERT_TRUE(journal.Append({{"b", 2}}).ok());
  const JournalRecords read = *ReadJournal(path_);
  EXPECT_THAT(read.records, ElementsAre(Json{{"a", 1}}, Json{{"b", 2}}));
  EXPECT_EQ(read.damaged, 3);
}

TEST_F(JournalTest, NoJournalIsNotFoundAnEmptyOneHasNoRecords) {
  EXPECT_EQ(ReadJournal(path_).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(Journal::Open(path_).ok());
  EXPECT_THAT(ReadJournal(path_)->records, IsEmpty());
}

TEST_F(JournalTest, JournalsOfARunAreListedByRank) {
  EXPECT_THAT(*ListJournals(layout_, "r"), IsEmpty());
  for (const char* run : {"r", "r.rank1", "other"}) {
    for (const int rank : {10, 2, 0})
      ASSERT_TRUE(Journal::Open(layout_.journal(run, rank)).ok());
  }
  std::ofstream(layout_.logs() / "r.rank3.txt") << "x";
  std::ofstream(layout_.logs() / "r.rankx.jsonl") << "x";
  EXPECT_THAT(*ListJournals(layout_, "r"),
              ElementsAre(layout_.journal("r", 0), layout_.journal("r", 2),
                          layout_.journal("r", 10)));
}

TEST_F(JournalTest, WhatAKilledWriterAppendedIsThere) {
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Journal journal = *Journal::Open(path_);
    for (int i = 0;; ++i) {
      if (!journal.Append({{"i", i}, {"pad", std::string(500, 'x')}}).ok())
        ::_exit(1);
      if (i == 20 && ::write(told[1], "x", 1) != 1) ::_exit(1);
    }
  }
  char byte = 0;
  ASSERT_EQ(::read(told[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(told[0]);
  ::close(told[1]);
  const JournalRecords read = *ReadJournal(path_);
  ASSERT_GE(read.records.size(), 21u);
  EXPECT_EQ(read.damaged, 0);
  for (std::size_t i = 0; i < read.records.size(); ++i)
    EXPECT_EQ(read.records[i].at("i"), i);
}

/// In a child: the limit would hold for all that follows.
TEST_F(JournalTest, AFullDiskIsReportedAndTheNextRecordIsWhole) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    Journal journal = *Journal::Open(path_);
    if (!journal.Append({{"a", 1}}).ok()) ::_exit(1);
    const rlim_t before = std::exchange(limit.rlim_cur, 20);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Status cut = journal.Append({{"b", std::string(100, 'x')}});
    const Status none = journal.Append({{"c", 1}});
    limit.rlim_cur = before;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (cut.code() != StatusCode::kIo || none.code() != StatusCode::kIo)
      ::_exit(2);
    ::_exit(journal.Append({{"d", 1}}).ok() ? 0 : 3);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  const JournalRecords read = *ReadJournal(path_);
  EXPECT_THAT(read.records, ElementsAre(Json{{"a", 1}}, Json{{"d", 1}}));
  EXPECT_EQ(read.damaged, 1);
}

}  // namespace
}  // namespace besom
