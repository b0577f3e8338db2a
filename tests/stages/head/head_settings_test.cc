#include "stages/model/head/head_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(HeadSettingsTest, WhatIsOutOfRangeOrNotBuiltIsRefused) {
  for (
      const char* patch :
      {R"({"epochs": 0})", R"({"batch_size": 0})", R"({"learning_rate": 0})",
       R"({"learning_rate": "high"})", R"({"schedule": "cosine"})",
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
        R"({"unfreeze": "block5"})", R"({"head": "wide"})"}) {
    Json model = DefaultModel();
    model.update(Json::parse(patch));
    EXPECT_EQ(HeadSettings::FromJson(model).status().code(),
              StatusCode::kInvalid)
        << patch;
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
