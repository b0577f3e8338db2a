#include <gtest/gtest.h>

#include "sweeps/schema.h"
#include "tests/sweeps/sweep_text.h"

namespace besom::sweeps {
namespace {

using ::besom::sweeps::testing::kBase;
using ::besom::sweeps::testing::Parse;

// The defaults that the interface documents, types included.
const char* const kDefaults = R"({
  "seed": 20200330,
  "split": {"test": 0.2, "validation": 0.2, "stratify": true, "group": true,
            "folds": 1, "repeats": 1, "file": ""},
  "augment": {"views": 5, "rotation": 0.0, "shift": 0.0, "zoom": 0.0,
              "horizontal_flip": false, "brightness": 0.0, "contrast": 0.0,
              "fill": "nearest"},
  "model": {"backbone": "efficientnet_lite0", "weights": "imagenet",
            "preprocessing": "weights", "precision": "fp32", "cut": "full",
            "unfreeze": "none", "pooling": "average", "head": [64],
            "head_init": "torch", "dropout": 0.5},
  "train": {"epochs": 25, "batch_size": 8, "optimizer": "adam",
            "momentum": 0.9, "learning_rate": 0.001, "schedule": "constant",
            "warmup": "none",
            "base_learning_rate": 1e-5, "freeze_epochs": 0,
            "batch_norm": "affine", "weight_decay": 0.0, "clip_norm": 0.0,
            "ema": 0.0, "loss": "cross_entropy", "class_weights": "none",
            "balance": "none", "label_smoothing": 0.0, "mixup": 0.0,
            "early_stopping": {"patience": 0},
            "keep": {"epoch": "best", "metric": "loss", "goal": "minimize"},
            "seed": 0, "order": "shared"},
  "evaluate": {"positive": "", "bootstrap": 1000, "predictions": "held_out",
               "costs": {}, "threshold": {"target": ""}, "audit": true,
               "external": []},
  "method": "grid",
  "metric": {"name": "recall/covid", "split": "validation", "goal": "maximize",
             "then": [], "subject_to": [], "allow_test": false},
  "run_cap": 0,
  "early_terminate": {"type": "none", "min_iter": 1, "max_iter": 0, "eta": 3.0},
  "resources": {"ranks_per_trial": 1, "device": "auto",
                "threads_per_rank": "auto", "memory_per_rank": "auto"},
  "limits": {"time": 0.0, "failures": "10%", "retries": 2,
             "lease": 60.0, "checkpoint": 60.0},
  "cluster": {"launcher": "auto", "mpi_args": []},
  "slurm": {"partition": "", "nodes": 1, "gpus_per_node": 0,
            "cpus_per_node": 0, "time": "", "memory": "", "account": "",
            "requeue": true, "signal_seconds": 120, "max_links": 100,
            "extra": [], "setup": []}
})";

const char* const kIngest = R"({
  "classes": ["covid", "normal"], "image_size": "auto", "resize": "stretch",
  "interpolation": "bilinear", "bit_depth_range": "full",
  "limit_per_class": 0, "duplicates": "group", "on_bad_image": "skip",
  "sources": [{"name": "p", "format": "phantom", "use": "auto",
               "patients": "p", "images": 240, "images_per_patient": 3,
               "size": 256, "difficulty": 0.5, "seed": 0, "marker": {},
               "labels": {"clear": "normal", "hazy": "covid",
                          "consolidation": null}}]})";

TEST(DefaultsTest, AreThoseOfTheInterface) {
  const auto spec = Parse(kBase);
  ASSERT_TRUE(spec.ok()) << spec.status().ToString();
  Json expected = Json::parse(kDefaults);
  expected["name"] = "t";
  expected["ingest"] = Json::parse(kIngest);
  // Texts also tell 0 from 0.0, which digests depend on.
  EXPECT_EQ(spec->base.dump(1), expected.dump(1));
}

TEST(DefaultsTest, LossIsMinimized) {
  const auto spec = Parse(testing::BaseWith("recall/covid", "loss"));
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->base["metric"]["goal"], "minimize");
}

TEST(DefaultsTest, EveryDefaultIsBuiltAndFitsItsKey) {
  for (const Key& key : SweepSchema().keys()) {
    if (!key.fallback.has_value() || !key.fallback->is_string()) continue;
    const std::string text = *key.fallback;
    bool fits = false;
    for (const Form& form : key.forms) {
      fits = fits || form.kind == Form::Kind::kText ||
             form.kind == Form::Kind::kPercent || text.empty();
      for (const Word& word : form.words)
        fits = fits || (word.name == text && word.built);
    }
    EXPECT_TRUE(fits) << key.path;
  }
}

}  // namespace
}  // namespace besom::sweeps
