#include "db/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/transaction.h"
#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using ::testing::HasSubstr;
using testing::ScratchFolder;
constexpr std::chrono::milliseconds kNoWait{0};

class ConnectionTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  Connection OpenWith(const std::string& name, const std::string& sql) {
    auto connection = Connection::OpenWritable(folder_ / name, kNoWait);
    EXPECT_TRUE(connection->Execute(sql).ok());
    return *std::move(connection);
  }
};

TEST_F(ConnectionTest, BindsTextsThatLookLikeSql) {
  Connection db = OpenWith("db", "CREATE TABLE t(x)");
  const std::string hostile = "'); DROP TABLE t; -- \n\"\xF0\x9F\xA7\xB9";
  auto insert = db.Prepare("INSERT INTO t VALUES(?)");
  ASSERT_OK(insert->Run(hostile));
  EXPECT_EQ(*db.QueryText("SELECT x FROM t"), hostile);
}

TEST_F(ConnectionTest, EmptyTextIsNotNull) {
  Connection db = OpenWith("db", "");
  auto select = db.Prepare("SELECT ? IS NULL, ? IS NULL");
  ASSERT_OK(select->Bind(std::string_view(), NullIfEmpty("")));
  ASSERT_TRUE(*select->Step());
  EXPECT_EQ(select->Integer(0), 0);
  EXPECT_EQ(select->Integer(1), 1);
}

TEST_F(ConnectionTest, WrongNumberOfValuesIsRefused) {
  Connection db = OpenWith("db", "");
  EXPECT_EQ(db.Prepare("SELECT ?, ?")->Bind(1).code(), StatusCode::kInvalid);
}

TEST_F(ConnectionTest, PrepareTakesExactlyOneStatement) {
  Connection db = OpenWith("db", "");
  EXPECT_EQ(db.Prepare("SELECT 1; SELECT 2").status().code(),
            StatusCode::kInvalid);
  EXPECT_EQ(db.Prepare("SELECT 1; nonsense").status().code(),
            StatusCode::kInvalid);
  EXPECT_EQ(db.Prepare("").status().code(), StatusCode::kInvalid);
  EXPECT_EQ(db.Prepare("-- nothing").status().code(), StatusCode::kInvalid);
  EXPECT_TRUE(db.Prepare("SELECT 1; -- done\n ;").ok());
}

TEST_F(ConnectionTest, PathsWithUriCharacters) {
  const Path path = folder_ / "a?mode=memory#b%41 \xC3\xA9";
  ASSERT_OK(
      Connection::OpenWritable(path, kNoWait)->Execute("CREATE TABLE t(x)"));
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(Connection::OpenReadOnly(path, kNoWait).ok());
}

TEST_F(ConnectionTest, TransactionIsUndoneUnlessCommitted) {
  Connection db = OpenWith("db", "CREATE TABLE t(x)");
  {
    auto transaction = Transaction::Begin(db, Transaction::Kind::kImmediate);
    ASSERT_OK(db.Execute("INSERT INTO t VALUES(1)"));
  }
  EXPECT_EQ(*db.QueryInteger("SELECT count(*) FROM t"), 0);
  auto transaction = Transaction::Begin(db, Transaction::Kind::kImmediate);
  ASSERT_OK(db.Execute("INSERT INTO t VALUES(1)"));
  ASSERT_OK(transaction->Commit());
  EXPECT_EQ(*db.QueryInteger("SELECT count(*) FROM t"), 1);
}

TEST_F(ConnectionTest, BusyNamesTheCure) {
  Connection one = OpenWith("db", "CREATE TABLE t(x)");
  Connection two = OpenWith("db", "");
  auto transaction = Transaction::Begin(one, Transaction::Kind::kImmediate);
  const auto refused = Transaction::Begin(two, Transaction::Kind::kImmediate);
  EXPECT_EQ(refused.status().code(), StatusCode::kIo);
  EXPECT_THAT(refused.status().ToString(), HasSubstr("another process"));
}

TEST_F(ConnectionTest, FullDiskNamesTheCure) {
  Connection db = OpenWith("db", "CREATE TABLE t(x); PRAGMA max_page_count=2");
  const Status full = db.Execute("INSERT INTO t VALUES(randomblob(100000))");
  EXPECT_EQ(full.code(), StatusCode::kIo);
  EXPECT_THAT(full.ToString(), HasSubstr("free some disk space"));
}

TEST_F(ConnectionTest, TextFileIsNoDatabase) {
  ASSERT_OK(WriteFileAtomic(folder_ / "db", std::string(5000, 'x')));
  const Status status =
      Connection::OpenReadOnly(folder_ / "db", kNoWait).status();
  EXPECT_EQ(status.code(), StatusCode::kCorrupt);
  EXPECT_THAT(status.ToString(), HasSubstr("not an intact besom database"));
}

TEST_F(ConnectionTest, MissingFileIsNotMadeByReading) {
  EXPECT_EQ(Connection::OpenReadOnly(folder_ / "db", kNoWait).status().code(),
            StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "db"));
}

TEST_F(ConnectionTest, ReadOnlyConnectionRefusesToWrite) {
  OpenWith("db", "CREATE TABLE t(x)");
  auto db = Connection::OpenReadOnly(folder_ / "db", kNoWait);
  const Status refused = db->Execute("INSERT INTO t VALUES(1)");
  EXPECT_EQ(refused.code(), StatusCode::kUnavailable);
  EXPECT_THAT(refused.ToString(), HasSubstr("writable"));
}

TEST_F(ConnectionTest, OnlyReadingIsLeftAfterRefusingTheRest) {
  Connection db = OpenWith("db", "CREATE TABLE t(x)");
  db.RefuseAllButReading();
  const std::string copy = (folder_ / "copy").string();
  for (const std::string& sql :
       {std::string("INSERT INTO t VALUES(1)"), std::string("DROP TABLE t"),
        "ATTACH '" + copy + "' AS c", "VACUUM INTO '" + copy + "'",
        std::string("PRAGMA query_only=OFF"),
        std::string("PRAGMA journal_mode=DELETE"),
        std::string("UPDATE sqlite_master SET sql = ''"),
        std::string("CREATE TEMP TABLE u(x)")}) {
    auto statement = db.Prepare(sql);
    EXPECT_TRUE(!statement.ok() || !statement->Step().ok()) << sql;
  }
  EXPECT_FALSE(std::filesystem::exists(copy));
  EXPECT_TRUE(db.Prepare("PRAGMA table_info(t)").ok());
  EXPECT_TRUE(db.Prepare("PRAGMA user_version").ok());
  EXPECT_TRUE(db.Prepare("SELECT * FROM json_each('[1]')").ok());
  EXPECT_TRUE(db.Prepare("SELECT c.name FROM sqlite_master m, "
                         "pragma_table_info(m.name) c")
                  .ok());
  EXPECT_TRUE(db.Prepare("WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 "
                         "FROM n WHERE i < 3) SELECT max(i) FROM n")
                  .ok());
}

/// Runs `body` in a child that may not write to root's files; true when it
/// returned true there.
bool AsNobody(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(2);
    _exit(body() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(ConnectionTest, AFinishedWalDatabaseIsReadableInAFolderWithoutWriting) {
  OpenWith("db", "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
  ASSERT_FALSE(std::filesystem::exists(folder_ / "db-wal"));
  std::filesystem::permissions(folder_.path(),
                               std::filesystem::perms::owner_read |
                                   std::filesystem::perms::owner_exec |
                                   std::filesystem::perms::others_read |
                                   std::filesystem::perms::others_exec);
  const auto reads = [&] {
    return Connection::OpenReadOnly(folder_ / "db", kNoWait)
        ->QueryInteger("SELECT count(*) FROM t")
        .ok();
  };
  EXPECT_TRUE(geteuid() == 0 ? AsNobody(reads) : reads());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "db-wal"));
  std::filesystem::permissions(folder_.path(),
                               std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace besom::db
