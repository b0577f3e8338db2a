#include "pipeline/base/files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace besom {
namespace {

class FilesTest : public testing::Test {
 protected:
  const Path folder_ =
      Path(testing::TempDir()) /
      testing::UnitTest::GetInstance()->current_test_info()->name();
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
};

TEST_F(FilesTest, AtomicWriteReplacesAndLeavesNothingBehind) {
  const Path path = folder_ / "deep" / "file";
  ASSERT_TRUE(WriteFileAtomic(path, "one").ok());
  ASSERT_TRUE(WriteFileAtomic(path, "two").ok());
  EXPECT_EQ(*ReadFile(path), "two");
  const auto entries = std::filesystem::directory_iterator(path.parent_path());
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

/// In containers process numbers come again soon.
TEST_F(FilesTest, WhatADeadProcessOfTheSameNumberLeftIsNotInTheWay) {
  ASSERT_TRUE(MakeFolders(folder_).ok());
  char host[256] = {};
  ASSERT_EQ(::gethostname(host, sizeof host - 1), 0);
  for (int i = 0; i < 200; ++i) {
    std::ofstream(folder_ / (".file." + std::string(host) + "." +
                             std::to_string(::getpid()) + "." +
                             std::to_string(i) + ".tmp"))
        << "old";
  }
  ASSERT_TRUE(WriteFileAtomic(folder_ / "file", "new").ok());
  EXPECT_EQ(*ReadFile(folder_ / "file"), "new");
}

TEST_F(FilesTest, WriteIntoAFileAsFolderFails) {
  ASSERT_TRUE(WriteFileAtomic(folder_ / "file", "x").ok());
  EXPECT_EQ(WriteFileAtomic(folder_ / "file" / "y", "x").code(),
            StatusCode::kIo);
}

TEST_F(FilesTest, MissingFileIsNotFound) {
  EXPECT_EQ(ReadFile(folder_ / "no").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(StatFile(folder_ / "no").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(MappedFile::Open(folder_ / "no").status().code(),
            StatusCode::kNotFound);
}

TEST_F(FilesTest, MapAndDigestSeeTheBytes) {
  ASSERT_TRUE(WriteFileAtomic(folder_ / "file", "abc").ok());
  ASSERT_TRUE(WriteFileAtomic(folder_ / "empty", "").ok());
  const auto map = *MappedFile::Open(folder_ / "file");
  EXPECT_EQ(DigestOf(map->bytes()), *DigestOfFile(folder_ / "file"));
  EXPECT_TRUE((*MappedFile::Open(folder_ / "empty"))->bytes().empty());
  EXPECT_EQ(map->stat(), *StatFile(folder_ / "file"));
  EXPECT_EQ(MappedFile::Open(folder_).status().code(), StatusCode::kInvalid);
}

TEST_F(FilesTest, AFailingWriteKeepsTheOldFileAndLeavesNothing) {
  const Path path = folder_ / "file";
  ASSERT_TRUE(WriteFileAtomic(path, "old").ok());
  const auto refuse = [](const char*, const char*) { return -1; };
  EXPECT_FALSE(
      WriteFileAtomic(path, std::as_bytes(std::span("new")), {::fsync, refuse})
          .ok());
  EXPECT_EQ(*ReadFile(path), "old");
  const auto entries = std::filesystem::directory_iterator(folder_);
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

}  // namespace
}  // namespace besom
