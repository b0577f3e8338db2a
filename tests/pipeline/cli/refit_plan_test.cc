#include "pipeline/cli/trained/refit_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace besom::cli {
namespace {

using ::testing::ElementsAre;

using Sets = std::vector<std::string>;

stages::SplitTable Split(int folds, const std::vector<Sets>& images) {
  stages::SplitTable split;
  split.classes = {"a", "b"};
  split.folds = folds;
  split.receipt = {{"warnings", {"of the sweep's split"}}};
  for (const Sets& sets : images) {
    stages::SplitEntry& entry = split.entries.emplace_back();
    entry.image = split.entries.size() - 1;
    entry.path = std::to_string(entry.image);
    entry.label = "a";
    entry.content = DigestOf(std::string_view(entry.path));
    entry.sets = sets;
  }
  return split;
}

TEST(RefitSplitTest, TrainsOnWhatAnyFitTrainedOrValidatedOn) {
  const stages::SplitTable refit =
      RefitSplit(Split(3, {{"validation", "train", "train"},
                           {"test", "test", "test"},
                           {"test", "validation", "train"},
                           {"hospital", "hospital", "hospital"},
                           {"", "", ""},
                           {"", "validation", ""}}));
  EXPECT_EQ(refit.repeats, 1);
  EXPECT_EQ(refit.folds, 1);
  EXPECT_THAT(refit.Members("train", 0, 0), ElementsAre(0, 2, 5));
  std::set<std::string> others;
  for (const std::size_t entry : {1, 3, 4})
    others.insert(refit.entries[entry].sets.front());
  EXPECT_THAT(others, ElementsAre(""));
}

TEST(RefitSplitTest, KeepsImagesAndClassesAndCanBeRead) {
  const stages::SplitTable split = Split(2, {{"train", "test"}});
  const auto refit = stages::SplitTable::FromJson(RefitSplit(split).ToJson());
  ASSERT_TRUE(refit.ok());
  EXPECT_EQ(refit->classes, split.classes);
  EXPECT_EQ(refit->entries[0].content, split.entries[0].content);
  EXPECT_TRUE(refit->receipt.empty());
}

TEST(RefitSplitTest, TellsWhetherThereAreImagesThatNoFitTrainedOn) {
  EXPECT_FALSE(TrainsOnMore(Split(
      2,
      {{"train", "validation"}, {"validation", "train"}, {"test", "test"}})));
  EXPECT_TRUE(TrainsOnMore(Split(1, {{"train"}, {"validation"}})));
}

TEST(RefitEpochsTest, AreTheRoundedMeanOfWhatTheFitsTrained) {
  EXPECT_EQ(RefitEpochs({0}), 1);
  EXPECT_EQ(RefitEpochs({4, 5}), 6);     // 5.5
  EXPECT_EQ(RefitEpochs({4, 5, 5}), 6);  // 5.67
  EXPECT_EQ(RefitEpochs({4, 4, 5}), 5);  // 5.33
}

// split <-+- views <-+
//         |          |
// pixels <+- plain <-+- fine_tune 0, 1
class RefitPlanTest : public ::testing::Test {
 protected:
  RefitPlanTest() {
    const TaskId split = Add("split", Json::object(), {});
    const TaskId pixels = Add("ingest", Json::object(), {});
    plain_ = Add("features", {{"views", {0}}}, {{"pixels", pixels, "pixels"}});
    views_ = Add("features", {{"views", {1}}},
                 {{"pixels", pixels, "pixels"}, {"split", split, "split"}});
    run::PlannedTrial& trial = sweep_.trials.emplace_back();
    for (int fold : {0, 1})
      trial.fits.push_back({.fold = fold,
                            .fine_tune = Add("fine_tune",
                                             {{"model", {{"head", {16}}}},
                                              {"train", Train()},
                                              {"repeat", 0},
                                              {"fold", fold}},
                                             {{"split", split, "split"},
                                              {"plain", plain_, "features"},
                                              {"views", views_, "features"}})});
    sweep_.data.emplace_back().split = split;
  }

  static Json Train() {
    return {{"epochs", 25},
            {"schedule", "cosine"},
            {"batch_size", 8},
            {"early_stopping", {{"patience", 3}}},
            {"keep", {{"epoch", "best"}, {"metric", "loss"}}}};
  }

  TaskId Add(const std::string& stage, Json params,
             std::vector<TaskInput> inputs) {
    TaskNode node;
    node.stage = stage;
    node.params = std::move(params);
    node.inputs = std::move(inputs);
    node.key = DigestOf(std::string_view(stage + node.params.dump()));
    node.fusion = 7;
    return sweep_.graph.Add(std::move(node));
  }

  static std::vector<TaskId> InputsOf(const RefitPlan& plan, TaskId task) {
    std::vector<TaskId> inputs;
    for (const TaskInput& input : plan.graph[task].inputs)
      inputs.push_back(input.task);
    return inputs;
  }

  run::SweepGraph sweep_;
  TaskId plain_ = 0, views_ = 0;
};

TEST_F(RefitPlanTest, TrainsAsTheFitsDoForSoManyEpochs) {
  const auto plan = PlanRefit(sweep_, 6, /*more_views=*/false);
  ASSERT_TRUE(plan.ok());
  const TaskNode& tune = plan->graph[plan->fine_tune];
  EXPECT_EQ(tune.stage, "fine_tune");
  EXPECT_EQ(tune.params.at("train"),
            Json({{"epochs", 6},
                  {"schedule", "cosine"},
                  {"batch_size", 8},
                  {"early_stopping", {{"patience", 0}}},
                  {"keep", {{"epoch", "last"}, {"metric", "loss"}}}}));
  EXPECT_EQ(tune.params.at("model"), Json({{"head", {16}}}));
  EXPECT_THAT(InputsOf(*plan, plan->fine_tune),
              ElementsAre(plan->refit_split, plain_, views_));
  EXPECT_THAT(InputsOf(*plan, plan->refit_split),
              ElementsAre(plan->sweep_split));
  EXPECT_EQ(tune.fusion, -1);
}

TEST_F(RefitPlanTest, MakesViewsOfItsOwnWhereItTrainsOnMore) {
  const auto plan = PlanRefit(sweep_, 6, /*more_views=*/true);
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->views.size(), 1U);
  const auto [made, known] = *plan->views.begin();
  EXPECT_EQ(known, views_);
  EXPECT_EQ(plan->graph[made].params, plan->graph[views_].params);
  EXPECT_NE(plan->graph[made].key, plan->graph[views_].key);
  EXPECT_THAT(InputsOf(*plan, plan->fine_tune),
              ElementsAre(plan->refit_split, plain_, made));
  EXPECT_EQ(InputsOf(*plan, made).back(), plan->refit_split);
}

TEST_F(RefitPlanTest, EpochsAndSplitDecideTheKey) {
  const auto key = [&](int epochs) {
    const auto plan = PlanRefit(sweep_, epochs, false);
    return plan->graph[plan->fine_tune].key;
  };
  EXPECT_EQ(key(6), key(6));
  EXPECT_NE(key(6), key(7));
  const Digest before = key(6);
  sweep_.data.front().split = Add("split", {{"another", true}}, {});
  EXPECT_NE(key(6), before);
}

TEST_F(RefitPlanTest, NoScheduleIsLeftWithoutItsValidationImages) {
  const TaskId tune = sweep_.trials[0].fits[0].fine_tune;
  for (const Json& schedule :
       {Json("plateau"), Json({{"type", "plateau"}, {"patience", 2}})}) {
    Json params = sweep_.graph[tune].params;
    params["train"]["schedule"] = schedule;
    sweep_.trials[0].fits[0].fine_tune =
        Add("fine_tune", params, sweep_.graph[tune].inputs);
    EXPECT_EQ(PlanRefit(sweep_, 6, false).status().code(),
              StatusCode::kInvalid);
  }
}

}  // namespace
}  // namespace besom::cli
