// The stages fine_tune and evaluate on a small drawn sweep.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/group_threads.h"
#include "stages/metric/metrics.h"
#include "stages/model/head/head_model.h"
#include "tests/stages/head/fit_stages_fixture.h"

namespace besom::stages {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::int64_t Sum(const SetEvaluation& set) {
  std::int64_t sum = 0;
  for (const auto& row : set.confusion)
    sum = std::accumulate(row.begin(), row.end(), sum);
  return sum;
}

TEST_F(FitStagesTest, EvaluatesEverySetOfTheFit) {
  const Evaluation evaluation = RunBoth();
  std::vector<std::string> names;
  for (const auto& set : evaluation.sets) names.push_back(set.set);
  EXPECT_THAT(names, ElementsAre("train", "validation", "test", "elsewhere"));
  EXPECT_EQ(Sum(SetOf(evaluation, "train")), 48);
  EXPECT_EQ(Sum(SetOf(evaluation, "validation")), 18);
  EXPECT_EQ(Sum(SetOf(evaluation, "test")), 18);
  EXPECT_EQ(Sum(SetOf(evaluation, "elsewhere")), 4);
  EXPECT_GT(*FindMetric(SetOf(evaluation, "test").metrics, "accuracy")->value,
            0.7);
  EXPECT_EQ(
      FindMetric(SetOf(evaluation, "elsewhere").metrics, "recall/covid")->value,
      std::nullopt);
  params_["fold"] = 1;
  const Evaluation other = RunBoth();
  EXPECT_EQ(Sum(SetOf(other, "train")), 18);
  EXPECT_EQ(other.fold, 1);
}

TEST_F(FitStagesTest, HistoryAndChosenEpochAgreeWithTheValidationMetrics) {
  const Evaluation evaluation = RunBoth();
  std::vector<double> losses;
  int train_rows = 0;
  for (const auto& [set, metric] : evaluation.history) {
    train_rows += set == "train";
    if (set == "validation" && metric.name == "loss")
      losses.push_back(*metric.value);
  }
  ASSERT_EQ(losses.size(), 8u);
  EXPECT_EQ(train_rows, 8);
  EXPECT_EQ(std::min_element(losses.begin(), losses.end()) - losses.begin(),
            evaluation.chosen_epoch);
  EXPECT_DOUBLE_EQ(
      *FindMetric(SetOf(evaluation, "validation").metrics, "loss")->value,
      losses[evaluation.chosen_epoch]);
}

TEST_F(FitStagesTest, OrderOfShardsAndThreadsDoNotChangeAByte) {
  const auto first = Run(FineTuneStage());
  for (const char* port : {"plain", "views"})
    std::reverse(artifacts_[port].begin(), artifacts_[port].end());
  hints_["threads"] = 7;
  const auto second = Run(FineTuneStage());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->blobs, second->blobs);
}

TEST_F(FitStagesTest, AStageThatRanBeforeSeesOtherInputsAsAFreshOne) {
  FineTuneStage used;
  const auto run = [&](Stage& stage) {
    artifacts_["split"] = {Artifact::FromBytes(CanonicalText(split_.ToJson()))};
    return stage.Run({params_, hints_, artifacts_, progress_});
  };
  const auto before = run(used);
  split_.entries[0].sets = {"", ""};
  const auto after = run(used);
  FineTuneStage fresh;
  EXPECT_EQ(run(fresh)->blobs, after->blobs);
  EXPECT_NE(after->blobs, before->blobs);
}

TEST_F(FitStagesTest, HowRowsAreStoredChangesNoBit) {
  for (const int views : {kViews, 0}) {
    params_["augment"]["views"] = views;
    UseBfloat16(NumberType::kFloat32);
    if (views == 0) artifacts_.erase("views");
    const Evaluation wide = RunBoth();
    UseBfloat16(NumberType::kBfloat16);
    if (views == 0) artifacts_.erase("views");
    EXPECT_EQ(RunBoth().ToJson(), wide.ToJson());
  }
}

TEST_F(FitStagesTest, TrainsOnTheViewsWhenThereAreAny) {
  const auto augmented = Run(FineTuneStage());
  artifacts_.erase("views");
  EXPECT_EQ(Run(FineTuneStage()).status().code(), StatusCode::kInternal);
  params_["augment"]["views"] = 0;
  const auto plain = Run(FineTuneStage());
  ASSERT_TRUE(plain.ok()) << plain.status().ToString();
  EXPECT_NE(plain->blobs.at("weights"), augmented->blobs.at("weights"));
}

TEST_F(FitStagesTest, TheModelsFileSaysAllThatItWasTrainedWith) {
  const auto fit = Run(FineTuneStage());
  ASSERT_TRUE(fit.ok());
  const auto model =
      HeadModel::FromBlob(Artifact::FromBytes(fit->blobs.at("weights")));
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  Json said = model->description();
  const Json history = *ParseJson(fit->blobs.at("history"), "history");
  const auto chosen = said.at("chosen_epoch").get<std::size_t>();
  EXPECT_EQ(said.at("chosen_epoch"), history.at("chosen_epoch"));
  Json metrics = said.at("metrics");
  metrics["epoch"] = chosen;
  EXPECT_EQ(metrics, history.at("epochs").at(chosen));
  said.erase("chosen_epoch");
  said.erase("metrics");
  EXPECT_EQ(said, params_);
}

TEST_F(FitStagesTest, PredictionsAreKeptAsAsked) {
  const auto kept = [&](const char* which) {
    params_["evaluate"]["predictions"] = which;
    const Evaluation evaluation = RunEvaluate();
    std::vector<std::size_t> counts;
    for (const auto& set : evaluation.sets)
      counts.push_back(set.predictions.size());
    return counts;
  };
  const Evaluation evaluation = RunBoth();
  EXPECT_THAT(kept("all"), ElementsAre(48, 18, 18, 4));
  EXPECT_THAT(kept("held_out"), ElementsAre(0, 18, 18, 4));
  EXPECT_THAT(kept("best"), ElementsAre(0, 18, 18, 4));
  EXPECT_THAT(kept("none"), ElementsAre(0, 0, 0, 0));
  for (const Prediction& p : SetOf(evaluation, "test").predictions) {
    EXPECT_NEAR(
        std::accumulate(p.probabilities.begin(), p.probabilities.end(), 0.0), 1,
        1e-12);
    EXPECT_EQ(p.predicted, ArgMax(p.probabilities));
  }
}

TEST_F(FitStagesTest, WithoutValidationTheLastEpochIsKept) {
  for (SplitEntry& entry : split_.entries)
    if (entry.sets[0] == "validation") entry.sets[0] = "train";
  const Evaluation evaluation = RunBoth();
  EXPECT_EQ(evaluation.chosen_epoch, 7);
  EXPECT_EQ(evaluation.sets.size(), 3u);
  params_["train"]["early_stopping"]["patience"] = 2;
  EXPECT_EQ(Run(FineTuneStage()).status().code(), StatusCode::kInvalid);
}

// A head that always says covid has the best recall there is; the figures
// that ranking falls back on tell it from one that has learnt.
TEST_F(FitStagesTest, AConstantClassifierDoesNotWin) {
  const Evaluation learnt = RunBoth();
  HeadWeights layers = InitialWeights(kInputs, {}, 3, HeadInit::kGlorot, {});
  std::fill(layers[0].weights.begin(), layers[0].weights.end(), 0.0F);
  layers[0].bias[0] = 5;
  artifacts_["weights"] = {Artifact::FromBytes(
      HeadModel(layers, {{"classes", split_.classes}}).ToBlob())};
  const Evaluation constant = RunEvaluate();
  const auto value = [](const Evaluation& evaluation, const char* name) {
    return *FindMetric(SetOf(evaluation, "validation").metrics, name)->value;
  };
  EXPECT_EQ(value(constant, "recall/covid"), 1);
  EXPECT_EQ(value(constant, "predicted_classes"), 1);
  EXPECT_EQ(value(learnt, "predicted_classes"), 3);
  EXPECT_LT(value(constant, "balanced_accuracy"),
            value(learnt, "balanced_accuracy"));
  EXPECT_LT(value(constant, "f1/covid"), value(learnt, "f1/covid"));
  EXPECT_GT(value(constant, "loss"), value(learnt, "loss"));
}

TEST_F(FitStagesTest, AStopAndAMissingPortAreErrorsNotCrashes) {
  progress_ = [](double share) { return share > 0.3; };
  EXPECT_EQ(Run(FineTuneStage()).status().code(), StatusCode::kInterrupted);
  artifacts_.erase("plain");
  EXPECT_EQ(Run(FineTuneStage()).status().code(), StatusCode::kInternal);
  EXPECT_EQ(Run(EvaluateStage()).status().code(), StatusCode::kInternal);
  params_.erase("train");
  EXPECT_EQ(Run(FineTuneStage()).status().code(), StatusCode::kInternal);
}

// Several fits on the same features, as one task may compute them.
class FitsTogetherTest : public FitStagesTest {
 protected:
  FitsTogetherTest() {
    artifacts_["split"] = {Artifact::FromBytes(CanonicalText(split_.ToJson()))};
    for (const int width : {64, 20, 1, 33}) {
      Json& params = fits_.emplace_back(params_);
      params["model"]["head"] = {width};
      params["train"]["seed"] = width;
      params["train"]["epochs"] = 4 + width % 3;
    }
  }

  Result<std::vector<Result<StageOutput>>> RunEach() {
    std::vector<StageInput> inputs;
    for (const Json& fit : fits_)
      inputs.push_back({fit, hints_, artifacts_, progress_});
    return FineTuneStage().RunEach(inputs);
  }

  std::vector<Json> fits_;
};

TEST_F(FitsTogetherTest, EachLeavesTheBytesOfItsOwnRun) {
  for (const int threads : {1, 3}) {
    hints_["threads"] = threads;
    const auto together = RunEach();
    ASSERT_TRUE(together.ok()) << together.status().ToString();
    ASSERT_EQ(together->size(), fits_.size());
    for (std::size_t i = 0; i < fits_.size(); ++i) {
      params_ = fits_[i];
      const auto alone = Run(FineTuneStage());
      ASSERT_TRUE(alone.ok() && (*together)[i].ok());
      EXPECT_EQ((*together)[i]->blobs, alone->blobs);
      EXPECT_EQ((*together)[i]->counters, alone->counters);
    }
  }
}

// With memory for one, one is trained after the other: so the share done tells.
TEST_F(FitsTogetherTest, HeadsAreTrainedAsManyAtATimeAsMemoryAllows) {
  for (Json& fit : fits_) fit["train"]["epochs"] = 1;
  fits_[1]["train"]["epochs"] = 3;
  hints_["memory"] = 1;
  std::vector<double> shares;
  progress_ = [&](double share) {
    shares.push_back(share);
    return false;
  };
  hints_["threads"] = 1;
  const auto together = RunEach();
  ASSERT_TRUE(together.ok()) << together.status().ToString();
  const std::vector<double> expected = {0.25, 1.0 / 3, 5.0 / 12, 0.5, 0.75, 1};
  EXPECT_THAT(shares,
              ::testing::Pointwise(::testing::DoubleNear(1e-9), expected));
  params_ = fits_[3];
  EXPECT_EQ((*together)[3]->blobs, Run(FineTuneStage())->blobs);
}

TEST_F(FitsTogetherTest, AFitThatFailsLeavesTheOthersAlone) {
  const auto before = RunEach();
  fits_[1]["train"]["optimizer"] = "sgd";
  fits_[1]["train"]["learning_rate"] = 1e30;
  fits_[2]["train"]["optimizer"] = "lion";
  const auto after = RunEach();
  ASSERT_TRUE(after.ok()) << after.status().ToString();
  EXPECT_EQ((*after)[0]->blobs, (*before)[0]->blobs);
  EXPECT_EQ((*after)[3]->blobs, (*before)[3]->blobs);
  EXPECT_EQ((*after)[1].status().code(), StatusCode::kFailed);
  EXPECT_EQ((*after)[2].status().code(), StatusCode::kInvalid);
}

TEST_F(FitsTogetherTest, FitsThatShareLessAreRefused) {
  fits_[3]["fold"] = 1;
  EXPECT_EQ(RunEach().status().code(), StatusCode::kInternal);
  fits_[3]["fold"] = 0;
  fits_[3]["shards"] = 2;
  EXPECT_EQ(RunEach().status().code(), StatusCode::kInternal);
  fits_[3].erase("shards");
  artifacts_.erase("plain");
  EXPECT_EQ(RunEach().status().code(), StatusCode::kInternal);
}

TEST_F(FitsTogetherTest, AStopEndsAll) {
  progress_ = [](double share) { return share > 0.3; };
  EXPECT_EQ(RunEach().status().code(), StatusCode::kInterrupted);
}

// The stage as every member of a group runs it, in a thread of its own.
class GroupStageTest : public FitStagesTest {
 protected:
  GroupStageTest() {
    artifacts_["split"] = {Artifact::FromBytes(CanonicalText(split_.ToJson()))};
    params_["shards"] = 3;
  }

  std::vector<Result<StageOutput>> RunTogether(
      int ranks, const std::function<void(int, Json&)>& edit = {}) {
    cluster::GroupThreads threads(ranks, 3);
    std::vector<Result<StageOutput>> outputs(static_cast<std::size_t>(ranks),
                                             StageOutput());
    threads.Run([&](cluster::Group& group) {
      Json params = params_;
      if (edit) edit(group.rank(), params);
      FineTuneStage stage;
      outputs[static_cast<std::size_t>(group.rank())] =
          stage.Run({params, hints_, artifacts_, progress_, &group});
    });
    return outputs;
  }
};

TEST_F(GroupStageTest, TheLeaderReturnsTheSameBytesForAnyNumberOfRanks) {
  const auto alone = Run(FineTuneStage());
  ASSERT_TRUE(alone.ok()) << alone.status().ToString();
  for (const int ranks : {1, 2, 3}) {
    const auto outputs = RunTogether(ranks);
    ASSERT_TRUE(outputs[0].ok()) << outputs[0].status().ToString();
    EXPECT_EQ(outputs[0]->blobs, alone->blobs);
    for (std::size_t rank = 1; rank < outputs.size(); ++rank) {
      ASSERT_TRUE(outputs[rank].ok());
      EXPECT_TRUE(outputs[rank]->blobs.empty());
    }
  }
}

TEST_F(GroupStageTest, OneShardIsTheStageWithoutShards) {
  params_["shards"] = 1;
  const auto one = Run(FineTuneStage());
  params_.erase("shards");
  EXPECT_EQ(one->blobs, Run(FineTuneStage())->blobs);
}

TEST_F(GroupStageTest, AMemberThatCannotReadItsInputEndsTheOthers) {
  const auto outputs = RunTogether(3, [](int rank, Json& params) {
    if (rank == 1) params.erase("train");
  });
  EXPECT_EQ(outputs[1].status().code(), StatusCode::kInternal);
  for (const std::size_t rank : {0, 2}) {
    EXPECT_EQ(outputs[rank].status().code(), StatusCode::kUnavailable);
    EXPECT_THAT(outputs[rank].status().ToString(), HasSubstr("train"));
  }
}

TEST_F(GroupStageTest, AGroupForAnotherNumberOfShardsIsRefused) {
  params_["shards"] = 2;
  for (const auto& output : RunTogether(2)) EXPECT_FALSE(output.ok());
  params_["shards"] = 0;
  EXPECT_EQ(Run(FineTuneStage()).status().code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace besom::stages
