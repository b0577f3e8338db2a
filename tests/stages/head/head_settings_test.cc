#include "stages/model/head/head_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace besom::stages {
namespace {

using testing::ElementsAre;

Json DefaultTrain() {
  return Json::parse(R"({"epochs": 25, "batch_size": 8, "optimizer": "adam",
    "learning_rate": 0.001, "schedule": "constant", "weight_decay": 0,
    "class_weights": "none", "balance": "none", "label_smoothing": 0,
    "early_stopping": {"patience": 0}, "seed": 3, "order": "own",
    "keep": {"epoch": "best", "metric": "loss", "goal": "minimize"}})");
}

Json DefaultModel() {
  return Json::parse(
      R"({"head": [64, 32], "head_init": "glorot", "dropout": 0.25})");
}

TEST(HeadSettingsTest, ReadsTheSections) {
  const auto train = TrainSettings::FromJson(DefaultTrain());
  ASSERT_TRUE(train.ok()) << train.status().ToString();
  EXPECT_EQ(train->batch_size, 8);
  EXPECT_EQ(train->seed, 3u);
  EXPECT_TRUE(train->own_order);
  const auto head = HeadSettings::FromJson(DefaultModel());
  ASSERT_TRUE(head.ok()) << head.status().ToString();
  EXPECT_THAT(head->hidden, ElementsAre(64, 32));
  EXPECT_EQ(head->init, HeadInit::kGlorot);
}

TEST(HeadSettingsTest, WhatIsOutOfRangeIsRefused) {
  for (
      const char* patch :
      {R"({"epochs": 0})", R"({"batch_size": 0})", R"({"learning_rate": 0})",
       R"({"learning_rate": "high"})", R"({"schedule": "cosines"})",
       R"({"optimizer": "lion"})", R"({"balance": "smote"})",
       R"({"label_smoothing": 1})", R"({"order": "random"})",
       R"({"keep": {"epoch": "middle", "metric": "loss", "goal": "minimize"}})",
       R"({"early_stopping": {"patience": -1}})"}) {
    Json train = DefaultTrain();
    train.update(Json::parse(patch));
    EXPECT_EQ(TrainSettings::FromJson(train).status().code(),
              StatusCode::kInvalid)
        << patch;
  }
  for (const char* patch :
       {R"({"head": [0]})", R"({"dropout": 1})", R"({"head_init": "zeros"})",
        R"({"dropout": -0.1})", R"({"head": "wide"})"}) {
    Json model = DefaultModel();
    model.update(Json::parse(patch));
    EXPECT_EQ(HeadSettings::FromJson(model).status().code(),
              StatusCode::kInvalid)
        << patch;
  }
}

TEST(HeadSettingsTest, ASettingIsANameOrAMap) {
  Json train = DefaultTrain();
  const auto before = TrainSettings::FromJson(train);
  EXPECT_EQ(before->schedule.kind, ScheduleKind::kConstant);
  EXPECT_EQ(before->focal_gamma, 0);
  train["schedule"] = {
      {"type", "one_cycle"}, {"max_lr", 0.5}, {"anneal_strategy", "linear"}};
  train["loss"] = {{"type", "focal"}, {"gamma", 3}};
  train["warmup"] = {{"steps", 7}};
  const auto read = TrainSettings::FromJson(train);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->schedule.kind, ScheduleKind::kOneCycle);
  EXPECT_EQ(read->schedule.max_lr, 0.5);
  EXPECT_TRUE(read->schedule.anneal_linear);
  EXPECT_EQ(read->focal_gamma, 3);
  EXPECT_EQ(read->warmup.steps, 7);
  train["schedule"] = {{"type", "plateau"}, {"threshold_mode", "abs"}};
  train["loss"] = "focal";
  const auto other = TrainSettings::FromJson(train);
  EXPECT_TRUE(other->schedule.threshold_absolute);
  EXPECT_EQ(other->focal_gamma, 2);
}

TEST(HeadSettingsTest, ParametersOutOfRangeAreRefusedByTheirPath) {
  for (const auto& [section, value, path] :
       std::initializer_list<std::array<const char*, 3>>{
           {"schedule", R"({"type": "step", "step_size": 0})",
            "train.schedule.step_size"},
           {"schedule", R"({"type": "step", "gamma": 0})",
            "train.schedule.gamma"},
           {"schedule", R"({"type": "cosine", "eta_min": -1})",
            "train.schedule.eta_min"},
           {"schedule", R"({"type": "one_cycle", "pct_start": 1.5})",
            "train.schedule.pct_start"},
           {"schedule", R"({"type": "one_cycle", "anneal_strategy": "log"})",
            "train.schedule.anneal_strategy"},
           {"schedule", R"({"type": "plateau", "factor": 1})",
            "train.schedule.factor"},
           {"schedule", R"({"type": "inverse_time", "decay": -0.5})",
            "train.schedule.decay"},
           {"schedule", R"({"gamma": 0.5})", "train.schedule"},
           {"loss", R"({"type": "focal", "gamma": -1})", "train.loss.gamma"},
           {"loss", R"("hinge")", "train.loss"},
           {"warmup", R"({"start_factor": 2})", "train.warmup.start_factor"},
           {"warmup", R"({"steps": 3, "epochs": 1})", "train.warmup.steps"},
           {"mixup", "-1", "train.mixup"},
           {"clip_norm", "-1", "train.clip_norm"},
           {"ema", "1", "train.ema"}}) {
    Json train = DefaultTrain();
    train[section] = Json::parse(value);
    const Status status = TrainSettings::FromJson(train).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalid) << value;
    EXPECT_EQ(status.place(), path) << value;
  }
}

TEST(HeadSettingsTest, ClassWeightsAreBalancedOrNamed) {
  const std::vector<std::string> classes = {"covid", "normal", "flu"};
  const std::vector<int> labels = {0, 1, 1, 1, 1, 1};
  EXPECT_THAT(*ClassWeights("none", classes, labels), ElementsAre(1, 1, 1));
  EXPECT_THAT(*ClassWeights("balanced", classes, labels),
              ElementsAre(2.0, 0.4, 0.0));
  EXPECT_THAT(*ClassWeights({{"flu", 2.5}}, classes, labels),
              ElementsAre(1, 1, 2.5));
  EXPECT_EQ(ClassWeights({{"cold", 1}}, classes, labels).status().code(),
            StatusCode::kInvalid);
  EXPECT_EQ(ClassWeights({{"flu", -1}}, classes, labels).status().code(),
            StatusCode::kInvalid);
  EXPECT_EQ(ClassWeights("some", classes, labels).status().code(),
            StatusCode::kInvalid);
}

}  // namespace
}  // namespace besom::stages
