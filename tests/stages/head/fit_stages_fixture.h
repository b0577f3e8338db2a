#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "pipeline/base/random.h"
#include "stages/data/split_table.h"
#include "stages/data/view.h"
#include "stages/metric/evaluation.h"
#include "stages/model/feature_shard.h"
#include "stages/model/head/evaluate_stage.h"
#include "stages/model/head/fine_tune_stage.h"

namespace besom::stages {

inline constexpr int kInputs = 24;
inline constexpr int kViews = 3;
inline constexpr std::uint64_t kSeed = 20200330;

/// The stages fine_tune and evaluate on a small drawn sweep of 90 images: two
/// fits of which the second is another fold, an external set that holds no
/// covid, and one image that is left out.
class FitStagesTest : public testing::Test {
 protected:
  FitStagesTest() {
    split_.classes = {"covid", "normal", "pneumonia"};
    split_.externals = {"elsewhere"};
    split_.folds = 2;
    for (int i = 0; i < 90; ++i) split_.entries.push_back(Entry(i));
    for (int view = 0; view <= kViews; ++view) AddShards(view);
    params_ = Json::parse(R"({
      "classes": ["covid", "normal", "pneumonia"], "seed": 20200330,
      "repeat": 0, "fold": 0,
      "model": {"backbone": "vgg16", "weights": "397923af",
                "head": [20], "head_init": "torch", "dropout": 0.5,
                "unfreeze": "none"},
      "train": {"epochs": 8, "batch_size": 8, "optimizer": "adam",
        "learning_rate": 0.01, "schedule": "constant", "weight_decay": 0,
        "class_weights": "balanced", "balance": "none", "label_smoothing": 0,
        "early_stopping": {"patience": 0}, "seed": 3, "order": "shared",
        "keep": {"epoch": "best", "metric": "loss", "goal": "minimize"}},
      "augment": {"views": 3, "rotation": 15, "shift": 0, "zoom": 0,
        "horizontal_flip": false, "brightness": 0, "contrast": 0,
        "fill": "nearest"},
      "evaluate": {"positive": "covid", "bootstrap": 0,
                   "predictions": "held_out", "costs": {},
                   "threshold": null}})");
  }

  static SplitEntry Entry(int i) {
    const char* labels[] = {"covid", "normal", "pneumonia"};
    SplitEntry entry;
    entry.image = static_cast<std::size_t>(i);
    entry.source = "cohen";
    entry.path = "image" + std::to_string(i) + ".png";
    entry.label = labels[i % 3];
    entry.content = DigestOf(entry.path);
    entry.sets = {"train", "test"};
    if (i >= 48) entry.sets = {"validation", "train"};
    if (i >= 66) entry.sets = {"test", "validation"};
    if (i >= 84) entry.sets = {"elsewhere", "elsewhere"};
    if (i >= 84 && i % 3 == 0) {
      entry.sets = {"", ""};
      entry.left_out = "not asked for";
    }
    return entry;
  }

  /// Its class stands out in every third number; views differ a little.
  std::vector<float> Row(std::size_t image, int view) const {
    KeyedRandom random(9, "row", {image, static_cast<std::uint64_t>(view)});
    std::vector<float> row;
    for (int k = 0; k < kInputs; ++k)
      row.push_back(static_cast<float>((k % 3 == static_cast<int>(image % 3)) +
                                       random.Normal()));
    return row;
  }

  /// The numbers of all rows as bfloat16, stored so or as float32.
  void UseBfloat16(NumberType type) {
    rounded_ = true;
    artifacts_.clear();
    for (int view = 0; view <= kViews; ++view) AddShards(view, type);
  }

  /// Two shards of one view: images below 40, and the others.
  void AddShards(int view, NumberType type = NumberType::kFloat32) {
    AugmentSettings settings;
    settings.views = kViews;
    settings.rotation = 15;
    for (const bool late : {false, true}) {
      std::vector<FeatureKey> keys;
      std::vector<float> rows;
      for (std::size_t i = 0; i < split_.entries.size(); ++i) {
        if ((i >= 40) != late) continue;
        keys.push_back(
            {split_.entries[i].content, ViewKey(settings, view, kSeed)});
        std::vector<float> row = Row(i, view);
        if (rounded_) RoundToBfloat16(row);
        rows.insert(rows.end(), row.begin(), row.end());
      }
      artifacts_[view == 0 ? "plain" : "views"].push_back(
          Artifact::FromBytes(FeatureShard::Pack(kInputs, keys, rows, type)));
    }
  }

  Result<StageOutput> Run(Stage&& stage) {
    artifacts_["split"] = {Artifact::FromBytes(CanonicalText(split_.ToJson()))};
    return stage.Run({params_, hints_, artifacts_, progress_});
  }

  /// Both stages; the evaluation.
  Evaluation RunBoth() {
    Result<StageOutput> fit = Run(FineTuneStage());
    EXPECT_TRUE(fit.ok()) << fit.status().ToString();
    for (const char* port : {"weights", "history"})
      artifacts_[port] = {Artifact::FromBytes(fit->blobs.at(port))};
    return RunEvaluate();
  }

  Evaluation RunEvaluate() {
    const Result<StageOutput> output = Run(EvaluateStage());
    EXPECT_TRUE(output.ok()) << output.status().ToString();
    return *Evaluation::FromJson(
        *ParseJson(output->blobs.at("evaluation"), "evaluation"));
  }

  static const SetEvaluation& SetOf(const Evaluation& evaluation,
                                    const std::string& name) {
    return *std::find_if(evaluation.sets.begin(), evaluation.sets.end(),
                         [&](const auto& set) { return set.set == name; });
  }

  SplitTable split_;
  bool rounded_ = false;
  Json params_;
  Json hints_ = Json::object();
  ArtifactMap artifacts_;
  std::function<bool(double)> progress_ = [](double) { return false; };
};

}  // namespace besom::stages
