#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/db/sample_sweep.h"

namespace besom::db {
namespace {

using ::testing::ElementsAre;
using testing::Lines;
using testing::SampleSweep;
using testing::ScratchFolder;

class WeightsRowsTest : public ::testing::Test {
 protected:
  /// Puts the sample sweep with these weights.
  void Put(const std::vector<WeightsRow>& weights) {
    SweepRow sweep = SampleSweep();
    sweep.weights = weights;
    ASSERT_TRUE(store_->PutSweep(sweep).ok());
  }

  ScratchFolder folder_;
  const Path path_ = folder_ / "besom.db";
  const std::unique_ptr<ResultsStore> store_ = *ResultsStore::Open(path_);
};

TEST_F(WeightsRowsTest, ComeBackAsPut) {
  const std::vector<WeightsRow> weights = {
      {"vgg16", "imagenet", "vgg16.keras", "ab12", "https://x.example", "CC-BY",
       "{}"},
      {"vgg16", "random", "", "random", "", "", "{}"}};
  Put(weights);
  EXPECT_EQ((*store_->FindSweep("covid"))->row.weights, weights);
}

TEST_F(WeightsRowsTest, ThoseOfEarlierCallsStay) {
  Put({{"vgg16", "imagenet", "", "ab", "", "", "{}"}});
  Put({{"vgg16", "imagenet", "", "ab", "", "", "{}"}});
  Put({{"vgg16", "imagenet", "", "cd", "", "MIT", "{}"}});
  Put({});
  EXPECT_THAT(
      Lines(path_,
            "SELECT sweep, backbone, digest, entry, license FROM "
            "weights ORDER BY digest"),
      ElementsAre("covid|vgg16|ab|NULL|NULL", "covid|vgg16|cd|NULL|MIT"));
}

}  // namespace
}  // namespace besom::db
