#include "db/schema.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Lines;
using testing::ScratchFolder;
constexpr std::chrono::milliseconds kPatient{20000};

class SchemaTest : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  Connection Open() { return *Connection::OpenWritable(path_, kPatient); }
};

TEST_F(SchemaTest, StepsRunOnceAndInOrderFromWhereTheFileStands) {
  Connection db = Open();
  ASSERT_OK(Migrate(db, {"CREATE TABLE t(x)"}, {"CREATE VIEW v AS SELECT 1"}));
  ASSERT_OK(db.Execute("INSERT INTO t VALUES(7)"));
  ASSERT_OK(Migrate(db,
                    {"CREATE TABLE t(x)", "ALTER TABLE t ADD COLUMN y",
                     "UPDATE t SET y = x + 1"},
                    {"CREATE VIEW w AS SELECT y FROM t"}));
  EXPECT_EQ(*db.QueryInteger("PRAGMA user_version"), 3);
  EXPECT_EQ(*db.QueryInteger("SELECT y FROM w"), 8);
  EXPECT_EQ(*db.QueryInteger("SELECT count(*) FROM sqlite_master "
                             "WHERE type = 'view'"),
            1);
}

TEST_F(SchemaTest, AFailingStepLeavesTheOldSchemaWhole) {
  Connection db = Open();
  ASSERT_OK(Migrate(db, {"CREATE TABLE t(x)"}, {"CREATE VIEW v AS SELECT 1"}));
  EXPECT_FALSE(
      Migrate(db, {"", "ALTER TABLE t ADD COLUMN y; nonsense"}, {}).ok());
  EXPECT_EQ(*db.QueryInteger("PRAGMA user_version"), 1);
  EXPECT_EQ(*db.QueryInteger("SELECT count(*) FROM pragma_table_info('t')"), 1);
  EXPECT_EQ(*db.QueryInteger("SELECT count(*) FROM v"), 1);
}

TEST_F(SchemaTest, ADatabaseOfTheFirstSchemaIsBroughtUpToDate) {
  {
    Connection db = Open();
    ASSERT_OK(Migrate(db, {TableMigrations().front()}, ViewDefinitions()));
    ASSERT_OK(db.Execute(
        "INSERT INTO action VALUES('k1', 'features', 1, 's', '{}', 'l', 1, 2, "
        "'{}', 'h', 0, 3); INSERT INTO blob VALUES('k1', 'p', 'd', 4)"));
  }
  EXPECT_EQ(Reader::Open(path_).status().code(), StatusCode::kUnavailable);
  const auto store = *ResultsStore::Open(path_);
  EXPECT_EQ((*store->FindAction("k1"))->blobs,
            (std::vector<BlobRow>{{"p", "d", 4}}));
  EXPECT_EQ(store->FindActions("features", "s")->size(), 1u);
  EXPECT_EQ(store->FindActions("features", "t")->size(), 0u);
  EXPECT_EQ(store->FindActions("features")->size(), 1u);
  EXPECT_THAT(Lines(path_, "SELECT count(*) FROM claim"), ElementsAre("0"));
  EXPECT_THAT(Lines(path_, "PRAGMA user_version"),
              ElementsAre(fmt::format("{}", SchemaVersion())));
}

TEST_F(SchemaTest, ADatabaseOfTheThirdSchemaHasNoWeightsYet) {
  {
    Connection db = Open();
    const auto& steps = TableMigrations();
    ASSERT_OK(Migrate(db, {steps[0], steps[1], steps[2]}, {}));
  }
  ASSERT_TRUE(ResultsStore::Open(path_).ok());
  EXPECT_THAT(Lines(path_, "SELECT count(*) FROM weights"), ElementsAre("0"));
}

TEST_F(SchemaTest, TheBlobsOfTheFourthSchemaAreAllThere) {
  {
    Connection db = Open();
    const auto& steps = TableMigrations();
    ASSERT_OK(Migrate(db, {steps.begin(), steps.begin() + 4}, {}));
    ASSERT_OK(db.Execute(
        "INSERT INTO action VALUES('k1', 'features', 1, 's', '{}', 'l', 1, 2, "
        "'{}', 'h', 0, 3); INSERT INTO blob VALUES('k1', 'p', 'd', 4)"));
  }
  ASSERT_TRUE(ResultsStore::Open(path_).ok());
  EXPECT_THAT(Lines(path_, "SELECT digest, size, removed FROM blob"),
              ElementsAre("d|4|NULL"));
}

TEST_F(SchemaTest, TheImagesOfTheSixthSchemaAreTheSweepsOwn) {
  {
    Connection db = Open();
    const auto& steps = TableMigrations();
    ASSERT_OK(Migrate(db, {steps.begin(), steps.begin() + 6}, {}));
    ASSERT_OK(db.Execute(
        "INSERT INTO sweep(name, spec_yaml, spec_json, seed, numerics, "
        "allow_test, version, created, updated) VALUES('s', '', '{}', 1, '', "
        "0, '0', 1, 1); INSERT INTO image(sweep_id, source, "
        "path, listed) SELECT sweep_id, 'a', 'b', 1 FROM sweep"));
  }
  ASSERT_TRUE(ResultsStore::Open(path_).ok());
  EXPECT_THAT(Lines(path_, "SELECT source, later FROM image"),
              ElementsAre("a|0"));
}

/// A commit asks for each of its blobs whether the same bytes were removed.
TEST_F(SchemaTest, RemovedBlobsAreFoundByIndex) {
  ASSERT_TRUE(ResultsStore::Open(path_).ok());
  EXPECT_THAT(Lines(path_,
                    "EXPLAIN QUERY PLAN SELECT key FROM blob "
                    "WHERE digest = 'd' AND removed IS NOT NULL"),
              ElementsAre(HasSubstr("INDEX blob_removed (digest=?)")));
}

/// Without it every features task would read all actions ever made.
TEST_F(SchemaTest, RowsOfAFeatureSpaceAreFoundByIndex) {
  ASSERT_TRUE(ResultsStore::Open(path_).ok());
  EXPECT_THAT(
      Lines(path_,
            "EXPLAIN QUERY PLAN SELECT key FROM action a WHERE a.stage = "
            "'features' AND a.space = 's' AND a.space <> ''"),
      ElementsAre(HasSubstr("INDEX action_by_space (stage=? AND space=?)")));
}

TEST_F(SchemaTest, ANewerSchemaIsRefusedAndLeftAlone) {
  ASSERT_TRUE(ResultsStore::Open(path_).ok());
  ASSERT_OK(Open().Execute("PRAGMA user_version=99"));
  const std::string before = *ReadFile(path_);
  for (const Status& status :
       {ResultsStore::Open(path_).status(), Reader::Open(path_).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_THAT(status.ToString(), HasSubstr("newer besom (schema 99"));
  }
  EXPECT_EQ(*ReadFile(path_), before);
}

TEST_F(SchemaTest, ADatabaseOfAnotherProgramIsRefusedAndLeftAlone) {
  ASSERT_OK(Open().Execute("CREATE TABLE somebody(s)"));
  const std::string before = *ReadFile(path_);
  EXPECT_EQ(ResultsStore::Open(path_).status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(Reader::Open(path_).status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(*ReadFile(path_), before);
}

TEST_F(SchemaTest, AnEmptyFileIsNoDatabaseYet) {
  ASSERT_OK(WriteFileAtomic(path_, ""));
  EXPECT_EQ(Reader::Open(path_).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(ResultsStore::Open(path_).ok());
  EXPECT_TRUE(Reader::Open(path_).ok());
}

TEST_F(SchemaTest, ManyProcessesMayMakeItAtOnce) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(ResultsStore::Open(path_).ok() ? 0 : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_THAT(Lines(path_, "PRAGMA user_version"),
              ElementsAre(fmt::format("{}", SchemaVersion())));
}

/// Every table, view and column stands in the document, between backquotes,
/// below the heading of its table.
TEST_F(SchemaTest, SchemaPageNamesEveryTableAndColumn) {
  const auto page = ReadFile(BESOM_SOURCE_DIR "/db/SCHEMA.md");
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  ASSERT_TRUE(ResultsStore::Open(path_).ok());
  const auto objects =
      Lines(path_,
            "SELECT m.name, c.name FROM sqlite_master m, "
            "pragma_table_info(m.name) c WHERE m.type IN ('table', "
            "'view') AND m.name NOT LIKE 'sqlite_%'");
  ASSERT_GT(objects.size(), 100u);
  for (const std::string& object : objects) {
    const auto bar = object.find('|');
    const std::string heading =
        fmt::format("### `{}`\n", object.substr(0, bar));
    const auto begin = page->find(heading);
    ASSERT_NE(begin, std::string::npos) << heading;
    const auto end = page->find("\n#", begin + heading.size());
    const auto section = page->substr(begin, end - begin);
    EXPECT_THAT(section, HasSubstr(fmt::format("`{}`", object.substr(bar + 1))))
        << object;
  }
  // The other way round: no heading of a table that is gone.
  for (std::size_t at = page->find("\n### `"); at != std::string::npos;
       at = page->find("\n### `", at + 1)) {
    const auto name = page->substr(at + 6, page->find('`', at + 6) - at - 6);
    EXPECT_THAT(objects,
                ::testing::Contains(::testing::StartsWith(name + "|")));
  }
}

}  // namespace
}  // namespace besom::db
