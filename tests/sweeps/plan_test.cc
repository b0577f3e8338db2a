#include "sweeps/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sweeps/sweep_text.h"

namespace besom::sweeps {
namespace {

using ::besom::sweeps::testing::BaseWith;
using ::besom::sweeps::testing::ErrorOf;
using ::besom::sweeps::testing::kBase;
using ::besom::sweeps::testing::Parse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TrialPlan PlanOf(const std::string& more) {
  const auto spec = Parse(kBase + more);
  EXPECT_TRUE(spec.ok()) << spec.status().ToString();
  if (!spec.ok()) return {};
  const auto plan = ExpandTrials(*spec);
  EXPECT_TRUE(plan.ok()) << plan.status().ToString();
  return plan.ok() ? *plan : TrialPlan{};
}

std::vector<std::string> Parameters(const TrialPlan& plan) {
  std::vector<std::string> texts;
  for (const Trial& trial : plan.trials)
    texts.push_back(trial.parameters.dump());
  return texts;
}

TEST(PlanTest, WithoutAxesThereIsOneTrial) {
  const TrialPlan plan = PlanOf("");
  EXPECT_THAT(Parameters(plan), ElementsAre("{}"));
}

TEST(PlanTest, TheLastAxisIsFastest) {
  const TrialPlan plan =
      PlanOf("parameters: {train.epochs: [1, 2], dropout: [0.1, 0.2]}\n");
  EXPECT_THAT(Parameters(plan),
              ElementsAre(R"({"model.dropout":0.1,"train.epochs":1})",
                          R"({"model.dropout":0.2,"train.epochs":1})",
                          R"({"model.dropout":0.1,"train.epochs":2})",
                          R"({"model.dropout":0.2,"train.epochs":2})"));
  EXPECT_EQ(plan.trials[3].config["train"]["epochs"], 2);
  EXPECT_EQ(plan.trials[3].config["model"]["dropout"], 0.2);
  EXPECT_EQ(plan.trials[3].ordinal, 3);
}

TEST(PlanTest, InactiveAxesTakeTheBaseAndEqualTrialsMerge) {
  const TrialPlan plan = PlanOf(
      "model: {dropout: 0.5}\n"
      "parameters:\n"
      "  dropout: {values: [0.1, 0.2], when: 'model.head == [32]'}\n"
      "  head: [[32], [64]]\n");
  EXPECT_THAT(Parameters(plan),
              ElementsAre(R"({"model.dropout":0.1,"model.head":[32]})",
                          R"({"model.dropout":null,"model.head":[64]})",
                          R"({"model.dropout":0.2,"model.head":[32]})"));
  EXPECT_EQ(plan.trials[1].config["model"]["dropout"], 0.5);
  EXPECT_EQ(plan.considered, 4);
  EXPECT_EQ(plan.merged, 1);
}

TEST(PlanTest, AnInactiveAxisEqualToAnActiveOneMergesToo) {
  const TrialPlan plan = PlanOf(
      "model: {dropout: 0.1}\n"
      "parameters: {dropout: {values: [0.1, 0.2], when: 'train.seed == 0'},"
      " train.seed: [0, 1]}\n");
  EXPECT_EQ(plan.trials.size(), 3u);
  EXPECT_EQ(plan.merged, 1);
}

TEST(PlanTest, ConditionsMayBeChainedInAnyOrder) {
  const TrialPlan plan = PlanOf(
      "parameters:\n"
      "  train.seed: {values: [5, 6], when: 'model.dropout == 0.2'}\n"
      "  dropout: {values: [0.1, 0.2], when: 'train.epochs == 2'}\n"
      "  epochs: [1, 2]\n");
  // epochs 1: dropout and seed are inactive; epochs 2: three more.
  EXPECT_EQ(plan.trials.size(), 4u);
  EXPECT_EQ(plan.considered, 8);
  EXPECT_EQ(plan.merged, 4);
}

TEST(PlanTest, CirclesOfConditionsAreErrors) {
  EXPECT_THAT(
      ErrorOf(kBase +
              "parameters:\n"
              "  epochs: {values: [1, 2], when: 'model.dropout == 0.2'}\n"
              "  dropout: {values: [0.1, 0.2], when: 'train.epochs == 2'}\n"),
      HasSubstr("/s/t.yaml:8:34: the `when` of `train.epochs` depends on "
                "itself"));
}

TEST(PlanTest, ConstraintsDropTrialsAndAreCounted) {
  const TrialPlan plan = PlanOf(
      "parameters: {epochs: [1, 2, 3], dropout: [0.1, 0.2]}\n"
      "constraints: ['not (train.epochs == 3 and model.dropout > 0.1)',\n"
      "              'train.epochs != 1']\n");
  EXPECT_EQ(plan.trials.size(), 3u);
  EXPECT_EQ(plan.constrained, 3);
  EXPECT_EQ(plan.considered, 6);
}

TEST(PlanTest, NoTrialAtAllIsAnError) {
  EXPECT_THAT(ErrorOf(kBase + "constraints: ['train.epochs > 1000']\n"),
              HasSubstr("/s/t.yaml:7:14: no trial meets the constraints"));
}

TEST(PlanTest, ConditionsThatDoNotEvaluateHaveThePlaceOfTheText) {
  EXPECT_THAT(ErrorOf(kBase + "constraints:\n  - 'model.head < 3'\n"),
              HasSubstr("/s/t.yaml:8:5: at character 1: a list and the number "
                        "3 have no order"));
}

TEST(PlanTest, RunCapTakesThePrefix) {
  const std::string axes =
      "parameters: {epochs: [1, 2, 3], dropout: [0.1, 0.2]}\n";
  const TrialPlan all = PlanOf(axes);
  const TrialPlan some = PlanOf(axes + "run_cap: 4\n");
  ASSERT_EQ(some.trials.size(), 4u);
  EXPECT_EQ(some.capped, 2);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(some.trials[i].parameters, all.trials[i].parameters);
}

TEST(PlanTest, ListsGiveTrialsOneByOne) {
  const TrialPlan plan = PlanOf(
      "method: list\n"
      "parameters: [{head: [32], dropout: 0.3}, {model.head: []}, {dropout: "
      "0.3, head: [32]}]\n");
  EXPECT_THAT(Parameters(plan),
              ElementsAre(R"({"model.dropout":0.3,"model.head":[32]})",
                          R"({"model.dropout":null,"model.head":[]})"));
  EXPECT_EQ(plan.merged, 1);
}

TEST(PlanTest, SectionsCanBeAxes) {
  const TrialPlan plan = PlanOf(
      "augment: {zoom: 0.3}\n"
      "parameters: {augment: [{views: 0}, {views: 2, rotation: 5}]}\n");
  ASSERT_EQ(plan.trials.size(), 2u);
  EXPECT_EQ(plan.trials[1].config["augment"]["rotation"], 5.0);
  EXPECT_EQ(plan.trials[1].config["augment"]["zoom"], 0.0);
}

TEST(PlanTest, WeightsAreResolvedForEachBackbone) {
  const auto spec =
      Parse(kBase +
                "model: {weights: {vgg16: v.safetensors, efficientnet_lite0: "
                "random}}\n"
                "parameters: {backbone: [vgg16, efficientnet_lite0]}\n",
            {}, {.files = {"/s/v.safetensors"}});
  ASSERT_TRUE(spec.ok()) << spec.status().ToString();
  const auto plan = ExpandTrials(*spec);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->trials[0].config["model"]["weights"], "/s/v.safetensors");
  EXPECT_EQ(plan->trials[1].config["model"]["weights"], "random");
}

TEST(PlanTest, NamesOfWeightsAreNoPaths) {
  const TrialPlan plan =
      PlanOf("model: {backbone: vgg16, weights: vgg16.keras}\n");
  EXPECT_EQ(plan.trials[0].config["model"]["weights"], "vgg16.keras");
}

TEST(PlanTest, ABackboneWithoutWeightsIsAnErrorOnlyWhereItIsUsed) {
  const std::string map = "model: {weights: {vgg16: random}}\n";
  EXPECT_THAT(ErrorOf(kBase + map),
              HasSubstr("/s/t.yaml:7:18: `model.weights` has no entry for "
                        "efficientnet_lite0"));
  EXPECT_EQ(ErrorOf(kBase + map + "parameters: {backbone: [vgg16]}\n"), "");
  EXPECT_THAT(
      ErrorOf(kBase + map +
              "parameters: {backbone: [vgg16, efficientnet_lite0]}\n"),
      HasSubstr("/s/t.yaml:8:14: with model.backbone = "
                "\"efficientnet_lite0\": `model.weights` has no entry"));
}

TEST(PlanTest, ListedTrialsAreCheckedLikeAxes) {
  const std::string text =
      kBase + "model: {weights: {vgg16: random}}\nmethod: list\n";
  EXPECT_EQ(ErrorOf(text + "parameters: [{backbone: vgg16}]\n"), "");
  EXPECT_THAT(ErrorOf(text + "parameters:\n  - {backbone: vgg16}\n  - {head: "
                             "[1]}\n"),
              HasSubstr("/s/t.yaml:10:3: with model.backbone = "
                        "\"efficientnet_lite0\": `model.weights` has no"));
  EXPECT_THAT(ErrorOf(text + "parameters:\n  - {weights: w.safetensors}\n"),
              HasSubstr("/s/t.yaml:10:5: there is no file /s/w.safetensors"));
}

TEST(PlanTest, ConflictsThatAnAxisMakesAreFound) {
  EXPECT_THAT(
      ErrorOf(kBase + "parameters: {split.test: [0.2, 0.9]}\n"),
      HasSubstr("/s/t.yaml:7:14: with split.test = 0.9: test and validation"));
}

TEST(PlanTest, AnAxisMayHoldWordsAndMaps) {
  const TrialPlan plan = PlanOf(
      "parameters:\n"
      "  schedule: [constant, {type: step, gamma: 0.5}, {type: cosine}]\n"
      "  train.loss: {values: [focal, {type: focal, gamma: 2}]}\n");
  // Both losses are one.
  EXPECT_THAT(
      Parameters(plan),
      ElementsAre(R"({"train.loss":"focal","train.schedule":"constant"})",
                  R"({"train.loss":"focal","train.schedule":)"
                  R"({"gamma":0.5,"step_size":10,"type":"step"}})",
                  R"({"train.loss":"focal","train.schedule":"cosine"})"));
}

TEST(PlanTest, AnAxisOfSchedulesIsChecked) {
  EXPECT_THAT(ErrorOf(BaseWith("{name: recall/covid}",
                               "{name: recall/covid, split: train}") +
                      "split: {validation: 0}\n"
                      "parameters: {schedule: [constant, plateau]}\n"),
              HasSubstr("/s/t.yaml:8:14: with train.schedule = \"plateau\": "
                        "plateau looks at the validation loss"));
  EXPECT_THAT(
      ErrorOf(kBase + "train: {warmup: {epochs: 3}}\n"
                      "parameters: {train.epochs: [9, 3]}\n"),
      HasSubstr("/s/t.yaml:8:14: with train.epochs = 3: a warm-up of 3"));
}

TEST(PlanTest, ATorchScriptFileIsABackbone) {
  const testing::World world{.files = {"/s/a.pt", "/s/b.pt"}};
  const auto spec = Parse(
      kBase +
          "model: {weights: {vgg16: random, efficientnet_lite0: random}}\n"
          "parameters: {backbone: [vgg16, {torchscript: a.pt}]}\n",
      {"ingest.image_size=64"}, world);
  ASSERT_TRUE(spec.ok()) << spec.status().ToString();
  const auto plan = ExpandTrials(*spec);
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  const Json& model = plan->trials[1].config["model"];
  EXPECT_EQ(model["backbone"], Json({{"torchscript", "/s/a.pt"}}));
  EXPECT_EQ(model["weights"], "imagenet");
  // Another file, or place, is told by its digest.
  Json moved = plan->trials[1].config;
  moved["model"]["backbone"]["torchscript"] = "/s/b.pt";
  EXPECT_EQ(IdentityOf(moved), IdentityOf(plan->trials[1].config));
  EXPECT_NE(IdentityOf(plan->trials[0].config),
            IdentityOf(plan->trials[1].config));
}

TEST(PlanTest, WhatATorchScriptFileCannotDoIsRefused) {
  const testing::World world{.files = {"/s/a.pt"}};
  const auto error = [&](const std::string& more,
                         const std::vector<std::string>& overrides = {}) {
    std::vector<std::string> all = {"ingest.image_size=64",
                                    "model.backbone={torchscript: a.pt}"};
    all.insert(all.end(), overrides.begin(), overrides.end());
    return ErrorOf(kBase + more, all, world);
  };
  EXPECT_EQ(error(""), "");
  EXPECT_THAT(error("", {"model.unfreeze=all"}), HasSubstr("always frozen"));
  EXPECT_THAT(error("", {"model.cut=block1"}), HasSubstr("are not known"));
  EXPECT_THAT(error("", {"model.precision=bf16"}), HasSubstr("in fp32"));
  EXPECT_THAT(error("", {"model.weights=random"}), HasSubstr("its weights"));
  EXPECT_THAT(error("", {"ingest.image_size=auto"}),
              HasSubstr("give ingest.image_size"));
  EXPECT_THAT(error("parameters: {unfreeze: [none, all]}\n"),
              HasSubstr("/s/t.yaml:7:14: with model.unfreeze = \"all\": "
                        "`model.unfreeze: all` with a TorchScript file"));
  EXPECT_THAT(error("", {"model.backbone={torchscript: b.pt}"}),
              HasSubstr("there is no file"));
  EXPECT_THAT(error("", {"model.backbone={}"}),
              HasSubstr("`model.backbone.torchscript` is missing"));
}

TEST(PlanTest, ClassWeightsAreComplete) {
  const TrialPlan plan = PlanOf("train: {class_weights: {covid: 2}}\n");
  EXPECT_EQ(plan.trials[0].config["train"]["class_weights"],
            Json({{"covid", 2.0}, {"normal", 1.0}}));
}

TEST(PlanTest, TooManyCombinationsAreRefusedQuickly) {
  const std::string axes =
      "parameters: {seed: {min: 0, max: 99999}, train.seed: {min: 0, max: "
      "99999}, epochs: {min: 1, max: 9999}}\n";
  EXPECT_THAT(ErrorOf(kBase + axes), HasSubstr("at most 100000 trials"));
  EXPECT_EQ(PlanOf(axes + "run_cap: 3\n").trials.size(), 3u);
}

TEST(PlanTest, IdentityLeavesOutPathsAndWhatChangesNoNumber) {
  const std::string more =
      "model: {weights: w.safetensors}\nlimits: {time: 3}\n";
  const testing::World world{.files = {"/s/w.safetensors", "/s/x.safetensors"}};
  const auto config = [&](const std::vector<std::string>& overrides) {
    return ExpandTrials(*Parse(kBase + more, overrides, world))
        ->trials[0]
        .config;
  };
  const Json identity = IdentityOf(config({}));
  EXPECT_EQ(identity,
            IdentityOf(config(
                {"name=other", "limits.time=5", "resources.threads_per_rank=2",
                 "metric.name=loss", "run_cap=1", "evaluate.audit=false",
                 "model.weights=x.safetensors"})));
  EXPECT_NE(identity, IdentityOf(config({"train.seed=1"})));
  EXPECT_NE(identity, IdentityOf(config({"seed=1"})));
  EXPECT_NE(identity, IdentityOf(config({"model.weights=random"})));
  EXPECT_NE(identity, IdentityOf(config({"ingest.sources.p.images=30"})));
  EXPECT_EQ(identity.dump().find("/s/"), std::string::npos);
}

}  // namespace
}  // namespace besom::sweeps
