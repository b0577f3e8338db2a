#include "pipeline/store/blob_writer.h"

#include <gtest/gtest.h>

namespace besom {
namespace {

class BlobWriterTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(layout_.root()); }
  void TearDown() override { SetUp(); }

  int CountFiles() const {
    int count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(layout_.root()))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }

  const WorkspaceLayout layout_{Path(::testing::TempDir()) /
                                "blob_writer_test"};
  BlobStore store_{layout_};
  const BlobRef blob_{DigestOf(std::string_view("abcdef")), 6};
};

TEST_F(BlobWriterTest, PiecesBecomeABlob) {
  auto writer = BlobWriter::Begin(layout_, blob_);
  ASSERT_TRUE(writer.ok()) << writer.status().ToString();
  ASSERT_TRUE(writer->Append("abc").ok());
  EXPECT_EQ(writer->size(), 3u);
  EXPECT_FALSE(store_.Has(blob_));
  ASSERT_TRUE(writer->Append("def").ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(store_.Get(blob_)->text(), "abcdef");
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(BlobWriterTest, WhatIsNotFinishedLeavesNothing) {
  {
    auto writer = BlobWriter::Begin(layout_, blob_);
    ASSERT_TRUE(writer->Append("abc").ok());
    EXPECT_EQ(CountFiles(), 1);
  }
  EXPECT_EQ(CountFiles(), 0);
}

TEST_F(BlobWriterTest, OtherBytesAreRefused) {
  {
    auto writer = BlobWriter::Begin(layout_, blob_);
    ASSERT_TRUE(writer->Append("abcdeF").ok());
    EXPECT_EQ(writer->Finish().code(), StatusCode::kCorrupt);
  }
  {
    auto writer = BlobWriter::Begin(layout_, blob_);
    ASSERT_TRUE(writer->Append("abc").ok());
    EXPECT_EQ(writer->Finish().code(), StatusCode::kCorrupt);
    EXPECT_EQ(writer->Append("defg").code(), StatusCode::kCorrupt);
  }
  EXPECT_EQ(CountFiles(), 0);
}

TEST_F(BlobWriterTest, ADamagedBlobIsReplaced) {
  ASSERT_TRUE(store_.Put("abcdef").ok());
  ASSERT_TRUE(
      WriteFileAtomic(layout_.blob(blob_.digest), std::string_view("abcdeF"))
          .ok());
  auto writer = BlobWriter::Begin(layout_, blob_);
  ASSERT_TRUE(writer->Append("abcdef").ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(store_.Get(blob_)->text(), "abcdef");
}

}  // namespace
}  // namespace besom
