#include "stages/metric/set_shares.h"

#include <gtest/gtest.h>

#include "stages/metric/proportion_interval.h"

namespace besom::stages {
namespace {

const std::vector<std::string> kClasses = {"covid", "normal", "pneumonia"};

/// Eight images of four patients, all normal: three are taken for covid.
ScoredSet Normals() {
  ScoredSet set{.classes = 3};
  for (int i = 0; i < 8; ++i) {
    set.actual.push_back(1);
    set.group.push_back(i / 2);
    const double covid = i < 3 ? 0.6 : 0.1;
    set.probabilities.insert(set.probabilities.end(),
                             {covid, 0.9 - covid, 0.1});
  }
  return set;
}

TEST(SetSharesTest, ASetOfOneClassHasSharesOfAll) {
  const auto shares = SharesOf(kClasses, Normals(), "covid", {});
  ASSERT_EQ(shares.size(), 4u);
  EXPECT_EQ(shares[0].name, "covid");
  EXPECT_EQ(shares[0].predicted, 3);
  EXPECT_EQ(shares[0].share, 3 / 8.0);
  EXPECT_NEAR(shares[0].mean_probability, (3 * 0.6 + 5 * 0.1) / 8, 1e-12);
  EXPECT_EQ(shares[2].predicted, 0);
  EXPECT_EQ(shares[3].name, "not covid");
  EXPECT_EQ(shares[3].predicted, 5);
  EXPECT_NEAR(shares[3].mean_probability, 1 - shares[0].mean_probability,
              1e-12);
}

TEST(SetSharesTest, IntervalsRestOnPatients) {
  const auto shares = SharesOf(kClasses, Normals(), "covid", {});
  const std::vector<GroupCount> counts = {{2, 2}, {1, 2}, {0, 2}, {0, 2}};
  const Interval expected = GroupProportionInterval(counts, 0.95);
  EXPECT_EQ(shares[0].share_interval.low, expected.low);
  EXPECT_EQ(shares[0].share_interval.high, expected.high);
  EXPECT_EQ(shares[0].share_interval.groups, 4);
  EXPECT_LT(*shares[0].probability_interval.low, shares[0].mean_probability);
  EXPECT_GT(*shares[0].probability_interval.high, shares[0].mean_probability);
}

TEST(SetSharesTest, NoPositiveNoImagesNoRows) {
  EXPECT_EQ(SharesOf(kClasses, Normals(), "", {}).size(), 3u);
  EXPECT_TRUE(SharesOf(kClasses, ScoredSet{.classes = 3}, "covid", {}).empty());
}

}  // namespace
}  // namespace besom::stages
