#include "stages/model/feature_shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Digest kA = DigestOf("a"), kB = DigestOf("b");

std::string TwoRows() {
  return FeatureShard::Pack(3, {{kA, "plain"}, {kB, "plain"}, {kA, "v1"}},
                            std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST(FeatureShardTest, ReadsBackWhatItPacked) {
  const auto shard = FeatureShard::Open(Artifact::FromBytes(TwoRows()));
  ASSERT_TRUE(shard.ok()) << shard.status().ToString();
  EXPECT_EQ(shard->dimension(), 3);
  EXPECT_THAT(shard->keys(),
              ElementsAre(FeatureKey{kA, "plain"}, FeatureKey{kB, "plain"},
                          FeatureKey{kA, "v1"}));
  EXPECT_THAT(shard->row(1), ElementsAre(4, 5, 6));
  EXPECT_THAT(shard->row(2), ElementsAre(7, 8, 9));
}

TEST(FeatureShardTest, AShardWithoutRowsIsAShard) {
  const auto shard =
      FeatureShard::Open(Artifact::FromBytes(FeatureShard::Pack(5, {}, {})));
  ASSERT_TRUE(shard.ok()) << shard.status().ToString();
  EXPECT_THAT(shard->keys(), IsEmpty());
}

TEST(FeatureShardTest, EveryTruncationAndAnExtraByteAreRefused) {
  const std::string whole = TwoRows();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(
        FeatureShard::Open(Artifact::FromBytes(whole.substr(0, size))).ok())
        << size;
  EXPECT_FALSE(FeatureShard::Open(Artifact::FromBytes(whole + "x")).ok());
}

// Under the address sanitizer a read outside ends the test.
TEST(FeatureShardTest, MutatedShardsNeverReadOutside) {
  const std::string whole = TwoRows();
  int accepted = 0;
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    KeyedRandom random(1, "shard fuzz", {i});
    std::string bytes = whole;
    bytes[random.Below(whole.size() - 36)] =
        static_cast<char>(random.Below(256));
    const auto shard = FeatureShard::Open(Artifact::FromBytes(bytes));
    if (!shard.ok()) continue;
    ++accepted;
    for (std::size_t row = 0; row < shard->keys().size(); ++row)
      EXPECT_EQ(shard->row(row).size(),
                static_cast<std::size_t>(shard->dimension()));
  }
  EXPECT_GT(accepted, 0);
}

TEST(FeatureIndexTest, FindsRowsOverShards) {
  const std::vector<Artifact> shards = {
      Artifact::FromBytes(TwoRows()),
      Artifact::FromBytes(
          FeatureShard::Pack(3, {{kB, "v1"}}, std::vector<float>{0, 1, 0}))};
  const auto index = FeatureIndex::Over(shards);
  ASSERT_TRUE(index.ok());
  EXPECT_THAT(index->Find({kA, "v1"}), ElementsAre(7, 8, 9));
  EXPECT_THAT(index->Find({kB, "v1"}), ElementsAre(0, 1, 0));
  EXPECT_THAT(index->Find({kB, "v2"}), IsEmpty());
}

TEST(FeatureIndexTest, ShardsOfOtherDimensionsAreRefused) {
  EXPECT_FALSE(
      FeatureIndex::Over({Artifact::FromBytes(TwoRows()),
                          Artifact::FromBytes(FeatureShard::Pack(
                              2, {{kA, "v9"}}, std::vector<float>{0, 1}))})
          .ok());
}

}  // namespace
}  // namespace besom::stages
