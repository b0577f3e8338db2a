#include <gtest/gtest.h>

#include "pipeline/run/fit_summaries.h"

namespace besom::run {
namespace {

Json Config(const std::string& target) {
  return {{"ingest", {{"classes", {"covid", "normal", "other"}}}},
          {"evaluate", {{"threshold", {{"target", target}}}}}};
}

/// {positive, probability, group}
db::PooledPredictions Pool(const std::string& target,
                           std::vector<db::PooledPredictions::Image> images) {
  return {"covid", target, std::move(images)};
}

db::ThresholdRow Choose(const std::string& target,
                        std::vector<db::PooledPredictions::Image> images) {
  return PoolThreshold(Pool(target, std::move(images)), Config(target));
}

// Of four images of the class three are at 0.3 or above, and one of the other
// three; two at 0.6 and above, and none of the others.
const std::vector<db::PooledPredictions::Image> kImages = {
    {true, 0.9, 0},  {false, 0.5, 1}, {true, 0.6, 0},  {true, 0.3, 2},
    {false, 0.2, 3}, {true, 0.1, 4},  {false, 0.05, 1}};

TEST(PooledThresholdTest, MeetsTheTargetOnAllImagesAtOnce) {
  const db::ThresholdRow row = Choose("recall/covid >= 0.75", kImages);
  EXPECT_EQ(row.cls, "covid");
  EXPECT_EQ(row.target, "recall/covid >= 0.75");
  EXPECT_EQ(row.value, 0.3);
  EXPECT_EQ(Choose("recall/covid >= 0.76", kImages).value, 0.1);
  EXPECT_EQ(Choose("precision/covid >= 0.75", kImages).value, 0.3);
  EXPECT_EQ(Choose("precision/covid >= 0.8", kImages).value, 0.6);
}

TEST(PooledThresholdTest, CountsPatientsOfTheClassNotTheirImages) {
  const db::ThresholdRow row = Choose("recall/covid >= 0.75", kImages);
  EXPECT_EQ(row.positive_groups, 3);  // Two images are of one patient.
  EXPECT_FALSE(row.reliable);
  std::vector<db::PooledPredictions::Image> many;
  for (int group = 0; group < 20; ++group) many.push_back({true, 0.5, group});
  EXPECT_TRUE(Choose("recall/covid >= 0.75", many).reliable);
  many.pop_back();
  EXPECT_FALSE(Choose("recall/covid >= 0.75", many).reliable);
}

TEST(PooledThresholdTest, TheOrderOfImagesDoesNotMatter) {
  const std::vector<db::PooledPredictions::Image> turned(kImages.rbegin(),
                                                         kImages.rend());
  EXPECT_EQ(Choose("recall/covid >= 0.75", turned).value, 0.3);
}

TEST(PooledThresholdTest, HasNoValueWhereNoneReachesItOrNothingIsKept) {
  const db::ThresholdRow none =
      Choose("precision/covid >= 0.9",
             {{true, 0.5, 0}, {false, 0.5, 1}, {false, 0.75, 2}});
  EXPECT_FALSE(none.value);
  EXPECT_EQ(none.positive_groups, 1);
  const db::ThresholdRow empty = Choose("recall/covid >= 0.75", {});
  EXPECT_FALSE(empty.value);
  EXPECT_EQ(empty.positive_groups, 0);
}

}  // namespace
}  // namespace besom::run
