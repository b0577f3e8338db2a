#include "pipeline/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace besom {
namespace {

// Known-answer vectors of Random123 (kat_vectors, philox4x32 10).
TEST(RandomTest, PhiloxMatchesThePublishedVectors) {
  EXPECT_THAT(
      Philox4x32({0, 0, 0, 0}, {0, 0}),
      testing::ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  const std::uint32_t f = 0xffffffffu;
  EXPECT_THAT(
      Philox4x32({f, f, f, f}, {f, f}),
      testing::ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
}

TEST(RandomTest, KeysDecideTheDrawsAndNothingElse) {
  KeyedRandom first(7, "split", {1, 2}), second(7, "split", {1, 2});
  KeyedRandom other(7, "split", {12}), purpose(7, "view", {1, 2});
  const std::uint64_t draw = first.Next64();
  EXPECT_EQ(draw, second.Next64());
  EXPECT_NE(draw, other.Next64());
  EXPECT_NE(draw, purpose.Next64());
}

TEST(RandomTest, UniformAndNormalHaveTheirMoments) {
  KeyedRandom random(1, "moments");
  double sum = 0, normal_sum = 0, normal_squares = 0;
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) {
    sum += random.Uniform();
    const double normal = random.Normal();
    normal_sum += normal;
    normal_squares += normal * normal;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.003);
  EXPECT_NEAR(normal_sum / kDraws, 0.0, 0.01);
  EXPECT_NEAR(normal_squares / kDraws, 1.0, 0.02);
}

TEST(RandomTest, BelowIsUniformAndShuffleKeepsTheItems) {
  KeyedRandom random(3, "below");
  std::vector<int> counts(6);
  for (int i = 0; i < 60'000; ++i) ++counts[random.Below(6)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 450);
  std::vector<int> items(50);
  std::iota(items.begin(), items.end(), 0);
  std::vector<int> shuffled = items;
  random.Shuffle(shuffled);
  EXPECT_NE(shuffled, items);
  EXPECT_THAT(shuffled, testing::UnorderedElementsAreArray(items));
}

}  // namespace
}  // namespace besom
