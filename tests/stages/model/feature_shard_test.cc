#include "stages/model/feature_shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Digest kA = DigestOf("a"), kB = DigestOf("b");

std::vector<float> NumbersOf(const FeatureRow& row) {
  std::vector<float> numbers(row.size());
  row.CopyTo(numbers);
  return numbers;
}

std::string TwoRows(NumberType type = NumberType::kFloat32) {
  return FeatureShard::Pack(3, {{kA, "plain"}, {kB, "plain"}, {kA, "v1"}},
                            std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9},
                            type);
}

TEST(FeatureShardTest, ReadsBackWhatItPacked) {
  const auto shard = FeatureShard::Open(Artifact::FromBytes(TwoRows()));
  ASSERT_TRUE(shard.ok()) << shard.status().ToString();
  EXPECT_EQ(shard->dimension(), 3);
  EXPECT_THAT(shard->keys(),
              ElementsAre(FeatureKey{kA, "plain"}, FeatureKey{kB, "plain"},
                          FeatureKey{kA, "v1"}));
  EXPECT_THAT(NumbersOf(shard->row(1)), ElementsAre(4, 5, 6));
  EXPECT_THAT(NumbersOf(shard->row(2)), ElementsAre(7, 8, 9));
}

// Numbers between two of bfloat16 (steps of 2^-7 at 1): to the nearer one, to
// the even one from the middle; references by numpy's ml_dtypes.bfloat16.
TEST(FeatureShardTest, Bfloat16RowsAreRoundedAndHalfTheSize) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> rows = {1.00390625F,  1.004F,  1.01171875F,
                                   -1.00390625F, 3.4e38F, -inf,
                                   1e-40F,       0.1F,    -0.0F};
  const std::vector<float> rounded = {
      1,    1.0078125F, 1.015625F,      -1,   inf,
      -inf, 0x1p-133F,  0.10009765625F, -0.0F};
  const std::string packed =
      FeatureShard::Pack(3, {{kA, "plain"}, {kB, "plain"}, {kA, "v1"}}, rows,
                         NumberType::kBfloat16);
  EXPECT_EQ(packed.size(), TwoRows().size() - rows.size() * 2);
  const auto shard = FeatureShard::Open(Artifact::FromBytes(packed));
  ASSERT_TRUE(shard.ok()) << shard.status().ToString();
  EXPECT_EQ(shard->row(0).floats(), nullptr);
  std::vector<float> read;
  for (std::size_t row = 0; row < 3; ++row)
    for (const float number : NumbersOf(shard->row(row)))
      read.push_back(number);
  EXPECT_EQ(read, rounded);
  EXPECT_TRUE(std::signbit(read.back()));
  std::vector<float> again = read;
  RoundToBfloat16(again);
  EXPECT_EQ(again, read);
  EXPECT_TRUE(std::isnan(FromBfloat16(ToBfloat16(std::nanf("")))));
}

TEST(FeatureShardTest, AShardWithoutRowsIsAShard) {
  const auto shard =
      FeatureShard::Open(Artifact::FromBytes(FeatureShard::Pack(5, {}, {})));
  ASSERT_TRUE(shard.ok()) << shard.status().ToString();
  EXPECT_THAT(shard->keys(), IsEmpty());
}

TEST(FeatureShardTest, EveryTruncationAndAnExtraByteAreRefused) {
  for (const NumberType type : {NumberType::kFloat32, NumberType::kBfloat16}) {
    const std::string whole = TwoRows(type);
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(
          FeatureShard::Open(Artifact::FromBytes(whole.substr(0, size))).ok())
          << size;
    EXPECT_FALSE(FeatureShard::Open(Artifact::FromBytes(whole + "x")).ok());
  }
}

// Under the address sanitizer a read outside ends the test.
TEST(FeatureShardTest, MutatedShardsNeverReadOutside) {
  int accepted = 0;
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    KeyedRandom random(1, "shard fuzz", {i});
    const std::string whole =
        TwoRows(i % 2 == 0 ? NumberType::kFloat32 : NumberType::kBfloat16);
    std::string bytes = whole;
    bytes[random.Below(whole.size() - 36)] =
        static_cast<char>(random.Below(256));
    const auto shard = FeatureShard::Open(Artifact::FromBytes(bytes));
    if (!shard.ok()) continue;
    ++accepted;
    for (std::size_t row = 0; row < shard->keys().size(); ++row)
      EXPECT_EQ(NumbersOf(shard->row(row)).size(),
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
  EXPECT_THAT(NumbersOf(index->Find({kA, "v1"})), ElementsAre(7, 8, 9));
  EXPECT_THAT(NumbersOf(index->Find({kB, "v1"})), ElementsAre(0, 1, 0));
  EXPECT_FALSE(index->Find({kB, "v2"}).found());
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
