#include "db/journal_mode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "db/connection.h"
#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using ::testing::HasSubstr;
using testing::ScratchFolder;

constexpr std::chrono::milliseconds kAtOnce{0};

class JournalModeTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";

  Connection Open() { return *Connection::OpenWritable(path_, kAtOnce); }
  /// A connection that leaves the log where it is when it is closed.
  Connection OpenWithLog() {
    Connection connection = Open();
    EXPECT_EQ(*connection.QueryText("PRAGMA journal_mode=wal"), "wal");
    EXPECT_TRUE(connection.WriteUnsynced().ok());
    return connection;
  }
  bool HasLogFile() const {
    return std::filesystem::exists(path_.string() + "-wal");
  }
};

TEST_F(JournalModeTest, ALocalDiskGetsALog) {
  EXPECT_EQ(FittingJournal(path_), JournalMode::kWal);
}

TEST_F(JournalModeTest, TheFileTellsItsMode) {
  Connection connection = Open();
  EXPECT_FALSE(*connection.UsesLog());  // Empty.
  ASSERT_OK(connection.Execute("CREATE TABLE t(x)"));
  EXPECT_FALSE(*connection.UsesLog());
  const Connection with_log = OpenWithLog();
  EXPECT_TRUE(*connection.UsesLog());
}

TEST_F(JournalModeTest, WhatIsInALogIsKeptWhenItIsLeft) {
  ASSERT_OK(
      OpenWithLog().Execute("CREATE TABLE t(x); INSERT INTO t VALUES(7)"));
  ASSERT_TRUE(HasLogFile());
  Connection connection = Open();
  ASSERT_OK(LeaveLog(connection, kAtOnce));
  EXPECT_FALSE(HasLogFile());
  EXPECT_FALSE(*connection.UsesLog());
  EXPECT_EQ(*connection.QueryInteger("SELECT x FROM t"), 7);
  // Nothing is locked any more.
  EXPECT_TRUE(Open().Execute("INSERT INTO t VALUES(8)").ok());
}

TEST_F(JournalModeTest, ALogThatSomebodyUsesIsNotLeft) {
  Connection other = OpenWithLog();
  ASSERT_OK(other.Execute("CREATE TABLE t(x)"));
  Connection connection = Open();
  const Status refused = LeaveLog(connection, kAtOnce);
  EXPECT_EQ(refused.code(), StatusCode::kIo);
  EXPECT_THAT(refused.ToString(), HasSubstr("another process has it open"));
  EXPECT_TRUE(other.Execute("INSERT INTO t VALUES(8)").ok());
}

TEST_F(JournalModeTest, AnEmptyDatabaseGetsWhatIsWanted) {
  Connection connection = Open();
  ASSERT_OK(SetJournalMode(connection, JournalMode::kWal, kAtOnce));
  EXPECT_TRUE(*connection.UsesLog());
}

TEST_F(JournalModeTest, ARollbackJournalStays) {
  Connection connection = Open();
  ASSERT_OK(connection.Execute("CREATE TABLE t(x)"));
  ASSERT_OK(SetJournalMode(connection, JournalMode::kWal, kAtOnce));
  EXPECT_FALSE(*connection.UsesLog());
}

TEST_F(JournalModeTest, SyncsAreLeftOutOnlyWithALog) {
  Connection connection = Open();
  constexpr char kSynchronous[] = "PRAGMA synchronous";
  EXPECT_EQ(*connection.QueryInteger(kSynchronous), 3);  // EXTRA.
  ASSERT_OK(connection.WriteUnsynced());
  EXPECT_EQ(*connection.QueryInteger(kSynchronous), 2);  // FULL.
  Connection with_log = OpenWithLog();
  EXPECT_EQ(*with_log.QueryInteger(kSynchronous), 1);  // NORMAL.
}

TEST_F(JournalModeTest, ACopyIsOfOneMomentAndHoldsNothing) {
  Connection connection = Open();
  ASSERT_OK(connection.Execute("CREATE TABLE t(x); INSERT INTO t VALUES(7)"));
  Connection copy = *connection.Copy();
  ASSERT_OK(copy.Execute("BEGIN; SELECT count(*) FROM t"));
  ASSERT_OK(Open().Execute("INSERT INTO t VALUES(8)"));
  EXPECT_EQ(*copy.QueryInteger("SELECT count(*) FROM t"), 1);
}

TEST_F(JournalModeTest, ACopyThatAWriterDelaysSaysSo) {
  Connection connection = Open();
  ASSERT_OK(connection.Execute("CREATE TABLE t(x)"));
  Connection writer = Open();
  ASSERT_OK(writer.Execute("BEGIN EXCLUSIVE"));
  const Status busy = connection.Copy().status();
  EXPECT_EQ(busy.code(), StatusCode::kIo);
  EXPECT_THAT(busy.ToString(), HasSubstr("cannot be copied"));
}

}  // namespace
}  // namespace besom::db
