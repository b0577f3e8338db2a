#include "pipeline/run/task_costs.h"

#include <gtest/gtest.h>

#include "pipeline/run/explain.h"

namespace besom::run {
namespace {

Json Split(double test, double validation, int folds, int repeats) {
  return {{"test", test},
          {"validation", validation},
          {"folds", folds},
          {"repeats", repeats}};
}

TEST(ShareTrainedTest, IsWhatNeitherTestNorValidationTake) {
  EXPECT_DOUBLE_EQ(ShareTrained(Split(0.2, 0.3, 1, 1), Json()), 0.5);
}

TEST(ShareTrainedTest, FoldsTrainOnAllThatIsNotTested) {
  EXPECT_DOUBLE_EQ(ShareTrained(Split(0.2, 0.3, 5, 1), Json()), 0.8);
  EXPECT_DOUBLE_EQ(ShareTrained(Split(0, 0.3, 5, 1), Json()), 1);
}

TEST(ShareTrainedTest, RepeatsTrainOnWhatAnyOfThemTrainsOn) {
  EXPECT_DOUBLE_EQ(ShareTrained(Split(0.2, 0.3, 1, 2), Json()), 0.75);
}

TEST(ShareTrainedTest, ASplitFileSaysItself) {
  const Json rows = {{{"image", "a"}, {"split", "train"}},
                     {{"image", "b"}, {"split", "test"}},
                     {{"image", "c"}, {"split", "train"}},
                     {{"image", "d"}, {"split", "validation"}}};
  EXPECT_DOUBLE_EQ(ShareTrained(Split(0.2, 0.2, 1, 1), rows), 0.5);
}

TEST(TaskCostsTest, AHeadCostsByItsWeightsImagesAndBatches) {
  const auto cost = [](const Json& hidden, double images, double batch) {
    return TaskCosts::HeadEpoch(1280, hidden, 3, images, batch);
  };
  EXPECT_NEAR(cost({128}, 400, 32) / cost({64}, 400, 32), 2, 0.05);
  EXPECT_NEAR(cost({64}, 800, 32) / cost({64}, 400, 32), 2, 0.05);
  EXPECT_GT(cost({64}, 400, 8), cost({64}, 400, 32));
  EXPECT_LT(cost(Json::array(), 400, 8), cost({16, 16}, 400, 8));
}

TEST(WallSecondsTest, WhatIsParallelTakesAllCoresAndTheRestARankEach) {
  StageForecast heads{.stage = "fine_tune", .tasks = 9, .core_seconds = 80};
  StageForecast evaluate{.stage = "evaluate", .tasks = 9, .core_seconds = 8};
  const double start = WallSeconds({{.stage = "split", .tasks = 1}}, 1, 4);
  EXPECT_GT(start, 0);
  EXPECT_NEAR(WallSeconds({heads, evaluate}, 1, 4) - start, 80 / 4 + 8, 1e-9);
  const double start_of_two =
      WallSeconds({{.stage = "split", .tasks = 1}}, 2, 4);
  EXPECT_NEAR(WallSeconds({heads, evaluate}, 2, 4) - start_of_two,
              80 / 4 + 8 / 2, 1e-9);
  heads.done = evaluate.done = 9;
  EXPECT_EQ(WallSeconds({heads, evaluate}, 2, 4), 0);
  // Engines are loaded where features are computed.
  EXPECT_GT(WallSeconds({{.stage = "features", .tasks = 1}}, 1, 4), start);
}

}  // namespace
}  // namespace besom::run
