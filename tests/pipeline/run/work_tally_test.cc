#include "pipeline/run/work_tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/small_graph.h"

namespace besom::run {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Three fits: two on the features of one base, one on those of both.
class WorkTallyTest : public ::testing::Test {
 protected:
  enum : TaskId { kPlain, kViews, kOther, kFitA, kFitB, kFitC };

  WorkTallyTest() {
    sweep_.graph = testing::MakeGraph(
        {{"plain", 1, {}, "features"},
         {"views", 1, {}, "features"},
         {"other", 1, {}, "features"},
         {"a", 1, {"plain", "views"}, "fine_tune", "", "", 0},
         {"b", 1, {"plain", "views"}, "fine_tune", "", "", 0},
         {"c", 1, {"plain", "other"}, "fine_tune"}});
    for (const TaskId fit : {kFitA, kFitB, kFitC}) {
      PlannedTrial trial;
      trial.fits.push_back({0, 0, fit, fit});
      sweep_.trials.push_back(trial);
    }
  }
  void Add(TaskId task, int computed, int reused, double seconds,
           const std::string& base, int rank = 0) {
    TaskReport report;
    report.task = task;
    report.seconds = seconds;
    report.counters = {{"rows", computed + reused},
                       {"computed", computed},
                       {"passes", computed},
                       {"engine_seconds", seconds * 1.8},
                       {"lane_seconds", seconds * 2}};
    TaskNode node = sweep_.graph[task];
    node.params["backbone"] = base;
    tally_.Add(report, node, rank);
  }

  SweepGraph sweep_;
  WorkTally tally_{sweep_};
};

TEST_F(WorkTallyTest, EveryFitNeedsItsOwnPassesAndEachIsMadeOnce) {
  Add(kPlain, 10, 0, 1, "vgg16");
  Add(kViews, 40, 0, 3, "vgg16");
  Add(kOther, 15, 5, 1, "lite");
  EXPECT_THAT(
      tally_.Lines(),
      ElementsAre("3 fits need 130 passes of images through frozen bases; 65 "
                  "were computed, 50.0 % saved",
                  "lite: 15 images, 15 images/s, 90 % of its engine's own rate",
                  "vgg16: 50 images, 12 images/s, 90 % of its engine's own "
                  "rate"));
}

TEST_F(WorkTallyTest, RanksThatComputeSideBySideAddUp) {
  Add(kPlain, 10, 0, 1, "vgg16", 0);
  Add(kViews, 10, 0, 1, "vgg16", 1);
  EXPECT_EQ(tally_.Lines()[1],
            "vgg16: 20 images, 20 images/s, 90 % of its engine's own rate");
}

TEST_F(WorkTallyTest, WhatWasDoneBeforeIsSavedToo) {
  // One unit a task, as planned.
  EXPECT_THAT(tally_.Lines(),
              ElementsAre("3 fits need 6 passes of images through frozen "
                          "bases; 0 were computed, 100.0 % saved"));
  sweep_.trials.clear();
  EXPECT_THAT(tally_.Lines(), IsEmpty());
}

}  // namespace
}  // namespace besom::run
