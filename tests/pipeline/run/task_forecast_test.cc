#include "pipeline/run/task_forecast.h"

#include <gtest/gtest.h>

#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

Json FeaturesOf(const std::string& backbone) {
  return {{"backbone", backbone}, {"numerics", "cpu openvino"}, {"size", 224}};
}

Json FitOf(int epochs) {
  return {{"model", {{"backbone", "vgg16"}, {"head", {32}}}},
          {"classes", {"x", "y"}},
          {"train", {{"epochs", epochs}}}};
}

class TaskForecastTest : public ::testing::Test {
 protected:
  enum : TaskId { kA, kB, kOther, kGpu, kFit, kLongFit, kUnfrozen };

  TaskForecastTest() {
    Add("a", 10, "features", FeaturesOf("vgg16"));
    Add("b", 20, "features", FeaturesOf("vgg16"));
    Add("other", 30, "features", FeaturesOf("vgg19"));
    Add("gpu", 40, "features", FeaturesOf("on a gpu"), "cuda;libtorch");
    Add("fit", 50, "fine_tune", FitOf(10), "", 0);
    Add("long fit", 60, "fine_tune", FitOf(20), "", 0);
    Json unfrozen = FitOf(10);
    unfrozen["numerics"] = "cpu";
    unfrozen["model"]["unfreeze"] = "block7";
    Add("unfrozen", 70, "fine_tune", unfrozen);
  }
  void Add(const std::string& label, double cost, const std::string& stage,
           Json params, const std::string& numerics = "", int fusion = -1) {
    TaskNode node;
    node.key = DigestOf(std::string_view(label));
    node.label = label;
    node.stage = stage;
    node.cost = cost;
    node.params = std::move(params);
    node.numerics = numerics;
    node.fusion = fusion;
    graph_.Add(std::move(node));
  }
  static TaskReport Report(TaskId task, double seconds, Json counters) {
    TaskReport report;
    report.task = task;
    report.seconds = report.elapsed = seconds;
    report.counters = std::move(counters);
    return report;
  }

  TaskGraph graph_;
};

TEST_F(TaskForecastTest, GuessesAreThePlannersByThisMachinesSpeed) {
  const RateForecast forecast(graph_, {}, /*speed=*/2);
  EXPECT_DOUBLE_EQ(*forecast.CoreSeconds(kA), 5);
  EXPECT_EQ(forecast.CoreSeconds(kGpu), std::nullopt) << "the guess is a CPU's";
}

TEST_F(TaskForecastTest, WhatWasMeasuredCountsForItsKind) {
  RateForecast forecast(graph_, {}, 1);
  // Ten seconds of the planner's were three of two threads.
  const double adds = 10 / 1.7e-11;
  EXPECT_TRUE(
      forecast.Learn(Report(kA, 3, {{"multiply_adds", adds}, {"threads", 2}})));
  EXPECT_NEAR(*forecast.CoreSeconds(kB), 12, 1e-9);
  EXPECT_DOUBLE_EQ(*forecast.CoreSeconds(kOther), 30);
}

TEST_F(TaskForecastTest, ThisRunCountsMoreThanEarlierOnes) {
  TaskRates known;
  known.Learn("features", FeaturesOf("vgg16"),
              {{"multiply_adds", 10 / 1.7e-11}}, 1);
  RateForecast forecast(graph_, known, 1);
  EXPECT_NEAR(*forecast.CoreSeconds(kB), 2, 1e-9);
  EXPECT_FALSE(
      forecast.Learn(Report(kA, 4, {{"multiply_adds", 10 / 1.7e-11}})));
  EXPECT_NEAR(*forecast.CoreSeconds(kB), 8, 1e-9);
}

TEST_F(TaskForecastTest, AFitTakesByItsEpochsAndByWhatItTrains) {
  RateForecast forecast(graph_, {}, 1);
  forecast.Learn(Report(kFit, 3, {{"images", 100}, {"threads", 1}}));
  EXPECT_NEAR(*forecast.CoreSeconds(kLongFit), 6, 1e-9);
  EXPECT_DOUBLE_EQ(*forecast.CoreSeconds(kUnfrozen), 70);
}

TEST_F(TaskForecastTest, AHeadThatHadTheRankToItselfKeptOneThread) {
  RateForecast forecast(graph_, {}, 1);
  forecast.Learn(Report(kFit, 3, {{"images", 100}, {"threads", 4}}));
  EXPECT_NEAR(*forecast.CoreSeconds(kFit), 3, 1e-9);
  // Eight of a call on four threads: each took four times its part.
  TaskReport one_of_eight =
      Report(kFit, 1.5, {{"images", 100}, {"threads", 4}});
  one_of_eight.elapsed = 12;
  RateForecast other(graph_, {}, 1);
  other.Learn(one_of_eight);
  EXPECT_NEAR(*other.CoreSeconds(kFit), 6, 1e-9);
}

TEST_F(TaskForecastTest, AFitThatWentOnFromACheckpointTellsNothing) {
  RateForecast forecast(graph_, {}, 1);
  EXPECT_FALSE(forecast.Learn(
      Report(kFit, 0.1, {{"images", 100}, {"resumed_epoch", 9}})));
  EXPECT_DOUBLE_EQ(*forecast.CoreSeconds(kLongFit), 60);
}

}  // namespace
}  // namespace besom::run
