#include "pipeline/store/blob_store.h"

#include <gtest/gtest.h>

#include <fstream>

namespace besom {
namespace {

class BlobStoreTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(root_); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  /// A store that has checked nothing yet, as in a new process.
  BlobStore Reopen() const { return BlobStore(WorkspaceLayout(root_)); }

  const Path root_ =
      Path(testing::TempDir()) /
      testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(BlobStoreTest, WhatWasPutComesBack) {
  BlobStore store = Reopen();
  const BlobRef ref = *store.Put("hello");
  EXPECT_EQ(ref.digest, DigestOf(std::string_view("hello")));
  EXPECT_TRUE(store.Has(ref));
  EXPECT_EQ(store.Get(ref)->text(), "hello");
  EXPECT_EQ(*store.Put("hello"), ref);
}

TEST_F(BlobStoreTest, AFlippedByteIsFoundAndTheBlobCanBeMadeAgain) {
  const BlobRef ref = *Reopen().Put("hello");
  const Path path = WorkspaceLayout(root_).blob(ref.digest);
  std::ofstream(path, std::ios::binary) << "hellp";
  BlobStore store = Reopen();
  EXPECT_TRUE(store.Has(ref));  // The size fits.
  EXPECT_EQ(store.Get(ref).status().code(), StatusCode::kCorrupt);
  EXPECT_FALSE(store.Has(ref));  // Moved aside.
  ASSERT_TRUE(store.Put("hello").ok());
  EXPECT_EQ(Reopen().Get(ref)->text(), "hello");
}

TEST_F(BlobStoreTest, PuttingOverADamagedBlobOfEqualSizeHealsIt) {
  const BlobRef ref = *Reopen().Put("hello");
  std::ofstream(WorkspaceLayout(root_).blob(ref.digest)) << "hellp";
  ASSERT_TRUE(Reopen().Put("hello").ok());
  EXPECT_EQ(Reopen().Get(ref)->text(), "hello");
}

TEST_F(BlobStoreTest, TruncatedAndMissingBlobsAreNotThere) {
  BlobStore store = Reopen();
  const BlobRef ref = *store.Put("hello");
  std::filesystem::resize_file(WorkspaceLayout(root_).blob(ref.digest), 3);
  EXPECT_FALSE(store.Has(ref));
  EXPECT_EQ(store.Get(ref).status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(store.Get(ref).status().code(), StatusCode::kNotFound);
}

TEST_F(BlobStoreTest, HoldersShareTheMapOfAFileThatHasNotChanged) {
  BlobStore store = Reopen();
  const BlobRef ref = *store.Put("hello");
  const Artifact first = *store.Get(ref), second = *store.Get(ref);
  EXPECT_EQ(first.map(), second.map());
  std::filesystem::remove(store.layout().blob(ref.digest));
  ASSERT_TRUE(store.Put("hello").ok());
  EXPECT_NE(store.Get(ref)->map(), first.map());
}

TEST_F(BlobStoreTest, APeekVouchesForNothing) {
  const BlobRef ref = *Reopen().Put("hello");
  const Path path = WorkspaceLayout(root_).blob(ref.digest);
  BlobStore store = Reopen();
  EXPECT_EQ(store.Peek(ref)->text(), "hello");
  std::ofstream(path, std::ios::binary) << "hellp";
  const Artifact peeked = *store.Peek(ref);
  EXPECT_EQ(peeked.text(), "hellp");
  // Nor does it make others believe in them.
  EXPECT_EQ(store.Get(ref).status().code(), StatusCode::kCorrupt);
}

TEST_F(BlobStoreTest, APeekAtAnotherSizeIsCorruptAndMovesNothing) {
  const BlobRef ref = *Reopen().Put("hello");
  const Path path = WorkspaceLayout(root_).blob(ref.digest);
  std::filesystem::resize_file(path, 3);
  EXPECT_EQ(Reopen().Peek(ref).status().code(), StatusCode::kCorrupt);
  EXPECT_TRUE(StatFile(path).ok());
  std::filesystem::remove(path);
  EXPECT_EQ(Reopen().Peek(ref).status().code(), StatusCode::kNotFound);
}

TEST_F(BlobStoreTest, AnArtifactOutlivesTheFile) {
  BlobStore store = Reopen();
  const BlobRef ref = *store.Put("hello");
  const Artifact artifact = *store.Get(ref);
  std::filesystem::remove(WorkspaceLayout(root_).blob(ref.digest));
  EXPECT_EQ(artifact.text(), "hello");
}

}  // namespace
}  // namespace besom
