#include "stages/data/pixel_shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/stages/data/ingest/temp_folder.h"

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Optional;

PixelRecord RecordOf(std::string_view content, int channels) {
  PixelRecord record;
  record.content = DigestOf(content);
  record.mode = channels == 1 ? "L" : "RGB";
  record.source_width = 30;
  record.source_height = 20;
  record.channels = channels;
  return record;
}

class PixelShardTest : public ::testing::Test {
 protected:
  PixelShardTest() {
    PixelRecord bad;
    bad.content = DigestOf("bad");
    bad.error = "the file is empty";
    bytes_ =
        PixelShard::Pack(2, {RecordOf("grey", 1), bad, RecordOf("colour", 3)},
                         {grey_, {}, colour_});
  }
  Result<PixelShard> Open(std::string_view bytes) {
    return PixelShard::Open(folder_.MakeArtifact(bytes));
  }

  besom::testing::TempFolder folder_;
  const std::vector<std::uint8_t> grey_ = {1, 2, 3, 255};
  const std::vector<std::uint8_t> colour_ = {9, 8, 7, 6, 5, 4,
                                             3, 2, 1, 0, 1, 2};
  std::string bytes_;
};

TEST_F(PixelShardTest, GivesBackWhatWasPacked) {
  const auto shard = Open(bytes_);
  ASSERT_TRUE(shard.ok()) << shard.status().ToString();
  EXPECT_EQ(shard->size(), 2);
  ASSERT_EQ(shard->records().size(), 3u);
  EXPECT_THAT(shard->pixels(0), ElementsAreArray(grey_));
  EXPECT_THAT(shard->pixels(2), ElementsAreArray(colour_));
  EXPECT_EQ(shard->records()[1].error, "the file is empty");
  EXPECT_EQ(shard->records()[2].mode, "RGB");
  EXPECT_EQ(shard->records()[2].source_width, 30);
  EXPECT_EQ(shard->records()[2].source_height, 20);
  EXPECT_THAT(shard->Find(DigestOf("colour")), Optional(2u));
  EXPECT_EQ(shard->Find(DigestOf("another")), std::nullopt);
}

TEST_F(PixelShardTest, ImagesStartAtMultiplesOf64) {
  const auto shard = Open(bytes_);
  ASSERT_TRUE(shard.ok());
  EXPECT_EQ(shard->records()[0].offset % 64, 0u);
  EXPECT_EQ(shard->records()[2].offset % 64, 0u);
}

TEST_F(PixelShardTest, EqualPixelsHaveEqualDigestsUnlessChannelsDiffer) {
  const std::vector<std::uint8_t> same(12, 5);
  const std::string bytes = PixelShard::Pack(
      2, {RecordOf("a", 3), RecordOf("b", 3), RecordOf("c", 1)},
      {same, same, {5, 5, 5, 5}});
  const auto shard = Open(bytes);
  ASSERT_TRUE(shard.ok());
  EXPECT_EQ(shard->records()[0].pixels, shard->records()[1].pixels);
  EXPECT_NE(shard->records()[0].pixels, shard->records()[2].pixels);
}

TEST_F(PixelShardTest, AnyTruncationIsCorrupt) {
  for (std::size_t length = 0; length < bytes_.size(); ++length)
    EXPECT_EQ(Open(bytes_.substr(0, length)).status().code(),
              StatusCode::kCorrupt)
        << length;
}

TEST_F(PixelShardTest, AnyFlippedBitBeforeThePixelsIsCorrupt) {
  std::uint64_t table_bytes = 0;
  bytes_.copy(reinterpret_cast<char*>(&table_bytes), 8, 16);
  for (std::size_t i = 0; i < 64 + table_bytes; ++i) {
    std::string flipped = bytes_;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    EXPECT_EQ(Open(flipped).status().code(), StatusCode::kCorrupt) << i;
  }
}

TEST_F(PixelShardTest, AShardWithoutImagesIsAShard) {
  const auto shard = Open(PixelShard::Pack(224, {}, {}));
  ASSERT_TRUE(shard.ok());
  EXPECT_TRUE(shard->records().empty());
}

}  // namespace
}  // namespace besom::stages
