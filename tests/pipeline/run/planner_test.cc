#include "pipeline/run/planner.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <span>

#include "stages/model/torch_script.h"

namespace besom::run {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::SizeIs;

Json BaseConfig() {
  return Json::parse(R"({
    "name": "test", "seed": 1,
    "ingest": {"classes": ["a", "b"], "image_size": "auto",
      "resize": "stretch", "interpolation": "bilinear",
      "bit_depth_range": "full", "duplicates": "group",
      "on_bad_image": "skip", "sources": [{"path": "/data/one"}]},
    "split": {"test": 0.2, "validation": 0.2, "folds": 1, "repeats": 1},
    "augment": {"views": 2, "rotation": 15.0},
    "model": {"backbone": "vgg16", "weights": "/weights/vgg16", "cut": "full",
      "pooling": "average", "precision": "fp32", "head": [64],
      "dropout": 0.5, "preprocessing": "weights"},
    "train": {"epochs": 3, "seed": 0},
    "evaluate": {"positive": "a", "external": [], "costs": {},
                 "threshold": {"target": ""}}})");
}

class PlannerTest : public ::testing::Test {
 protected:
  PlannerTest() {
    services_.scan = [this](const Json&, const Json&, std::uint64_t) {
      ++scans_;
      stages::SourceScan scan;
      scan.classes = {"a", "b"};
      for (std::size_t i = 0; i < images_; ++i) {
        stages::ScanEntry entry;
        entry.source = "one";
        entry.path = fmt::format("{}.png", i);
        entry.content = DigestOf(std::string_view(entry.path));
        scan.entries.push_back(entry);
        scan.absolute_paths.push_back(folder_ + entry.path);
      }
      return Result<stages::SourceScan>(scan);
    };
    services_.backbone = [this](const Json& model) {
      ++bases_;
      ResolvedBackbone backbone;
      backbone.weights = DigestOf(stages::TorchScriptOf(model).empty()
                                      ? model.at("backbone").get<std::string>()
                                      : script_)
                             .Hex();
      backbone.path = folder_ + "weights";
      backbone.input_size = 224;
      backbone.multiply_adds = 1e9;
      backbone.cut = model.at("cut");
      backbone.pooling = model.at("pooling");
      return Result<ResolvedBackbone>(backbone);
    };
    services_.split_rows = [](const std::string&) {
      const Json row = {{"image", "x.png"}, {"split", "train"}};
      return Result<Json>(Json::array({row}));
    };
    for (const char* stage : {"scan", "ingest", "duplicates", "split",
                              "augment", "features", "fine_tune", "evaluate"})
      services_.stage_versions[stage] = 1;
    services_.numerics = {{"fp32", "cpu/test/fp32/any"},
                          {"bf16", "cpu/test/bf16/any"}};
    services_.training_numerics = "cpu/libtorch-1/fp32/any";
  }

  SweepGraph Plan(const std::vector<Json>& configs) {
    std::vector<TrialConfig> trials;
    for (const Json& config : configs)
      trials.push_back({config, config.at("model"), Json::object()});
    return PlanSweep(trials, services_).value();
  }
  static std::map<std::string, int> Count(const SweepGraph& sweep) {
    std::map<std::string, int> counts;
    for (TaskId id = 0; id < sweep.graph.size(); ++id)
      ++counts[sweep.graph[id].stage];
    return counts;
  }
  static std::set<std::string> Keys(const SweepGraph& sweep) {
    std::set<std::string> keys;
    for (TaskId id = 0; id < sweep.graph.size(); ++id)
      keys.insert(sweep.graph[id].key.Hex());
    return keys;
  }
  static Json With(std::string_view path, Json value) {
    Json config = BaseConfig();
    SetPath(config, path, std::move(value));
    return config;
  }

  std::size_t images_ = 100;
  std::string folder_ = "/here/";
  std::string script_ = "a program";  // What a TorchScript file holds.
  int scans_ = 0, bases_ = 0;
  PlannerServices services_;
};

TEST_F(PlannerTest, TrialsShareEverythingButTheirHeads) {
  const SweepGraph sweep =
      Plan({With("model.head", {32}), With("model.head", {64}),
            With("model.head", {128})});
  // 100 images: two ingest tasks of 64 and 36, features of 32+32 and 32+4,
  // once for view 0 and once for the other views.
  EXPECT_EQ(Count(sweep), (std::map<std::string, int>{{"scan", 1},
                                                      {"ingest", 2},
                                                      {"duplicates", 1},
                                                      {"split", 1},
                                                      {"augment", 1},
                                                      {"features", 8},
                                                      {"fine_tune", 3},
                                                      {"evaluate", 3}}));
  EXPECT_EQ(scans_, 1);
  EXPECT_EQ(bases_, 1);
}

TEST_F(PlannerTest, SplitsShareTheSearchForDuplicates) {
  const SweepGraph sweep = Plan({BaseConfig(), With("split.test", 0.3),
                                 With("ingest.duplicates", "drop")});
  EXPECT_EQ(Count(sweep)["split"], 3);
  EXPECT_EQ(Count(sweep)["duplicates"], 1);
}

TEST_F(PlannerTest, TheAuditIsOnePerSweepAndNoPartOfATrial) {
  services_.stage_versions["audit"] = 1;
  const auto with = [](bool audit, int size) {
    Json config = With("evaluate.audit", audit);
    config["ingest"]["image_size"] = size;
    return config;
  };
  const SweepGraph sweep = Plan({with(true, 64), with(true, 96)});
  EXPECT_EQ(Count(sweep)["audit"], 1);
  ASSERT_TRUE(sweep.data[0].audit);
  EXPECT_FALSE(sweep.data[1].audit);
  // It reads the split and the pixels; nothing reads it.
  EXPECT_EQ(sweep.graph.producers(*sweep.data[0].audit).size(),
            1 + sweep.data[0].ingest.size());
  EXPECT_TRUE(sweep.graph.readers(*sweep.data[0].audit).empty());
  const SweepGraph without = Plan({with(false, 64), with(false, 96)});
  EXPECT_EQ(Count(without)["audit"], 0);
  std::set<std::string> keys = Keys(sweep);
  keys.erase(sweep.graph[*sweep.data[0].audit].key.Hex());
  EXPECT_EQ(keys, Keys(without));
}

TEST_F(PlannerTest, ASecondBackboneSharesTheData) {
  const SweepGraph sweep =
      Plan({BaseConfig(), With("model.backbone", "efficientnet_lite0")});
  EXPECT_EQ(Count(sweep)["ingest"], 2);
  EXPECT_EQ(Count(sweep)["features"], 16);
}

TEST_F(PlannerTest, PathsAreInNoKeyAndInNoTrialId) {
  const SweepGraph here = Plan({BaseConfig()});
  folder_ = "/elsewhere/";
  Json moved = With("model.weights", "/other/vgg16");
  const SweepGraph there = Plan({moved});
  EXPECT_EQ(Keys(here), Keys(there));
  // The id also hashes `identity`, which here is the raw model section.
  EXPECT_EQ(here.trials[0].id.size(), 16u);
}

TEST_F(PlannerTest, PlainFeaturesDoNotDependOnTheSeedOfTheSweep) {
  const SweepGraph one = Plan({BaseConfig()}), two = Plan({With("seed", 2)});
  std::set<std::string> keys = Keys(two);
  int shared_plain = 0, shared_views = 0;
  for (TaskId id = 0; id < one.graph.size(); ++id) {
    const TaskNode& node = one.graph[id];
    if (node.stage != "features" || !keys.contains(node.key.Hex())) continue;
    ++(node.params.at("views") == Json::array({0}) ? shared_plain
                                                   : shared_views);
  }
  EXPECT_EQ(shared_plain, 4);
  EXPECT_EQ(shared_views, 0);
}

TEST_F(PlannerTest, RowsOfPixelsThatWereMadeAnotherWayAreNotTaken) {
  const auto spaces = [](const SweepGraph& sweep) {
    std::set<std::string> found;
    for (TaskId id = 0; id < sweep.graph.size(); ++id)
      if (!sweep.graph[id].space.empty()) found.insert(sweep.graph[id].space);
    return found;
  };
  const std::set<std::string> before = spaces(Plan({BaseConfig()}));
  EXPECT_EQ(spaces(Plan({With("model.dropout", 0.1)})), before);
  EXPECT_NE(spaces(Plan({With("ingest.resize", "crop")})), before);
  services_.stage_versions["ingest"] = 2;
  EXPECT_NE(spaces(Plan({BaseConfig()})), before);
}

TEST_F(PlannerTest, EqualContentsAreDecodedOnce) {
  const auto scan = services_.scan;
  services_.scan = [scan](const Json& a, const Json& b, std::uint64_t seed) {
    stages::SourceScan out = scan(a, b, seed).value();
    for (std::size_t i = 1; i < out.entries.size(); i += 2)
      out.entries[i].content = out.entries[i - 1].content;
    return Result<stages::SourceScan>(out);
  };
  const SweepGraph sweep = Plan({BaseConfig()});
  std::size_t files = 0;
  for (const TaskId id : sweep.data[0].ingest)
    files += sweep.graph[id].params.at("files").size();
  EXPECT_EQ(files, 50u);
}

TEST_F(PlannerTest, FoldsAndRepeatsAreFitsOfOneTrial) {
  Json config = BaseConfig();
  config["split"]["folds"] = 3;
  config["split"]["repeats"] = 2;
  const SweepGraph sweep = Plan({config});
  EXPECT_EQ(sweep.trials[0].fits.size(), 6u);
  EXPECT_EQ(Count(sweep)["fine_tune"], 6);
  EXPECT_EQ(Count(sweep)["features"], 8);
}

TEST_F(PlannerTest, FitsThatReadTheSameMayBeComputedInOneCall) {
  Json folds = With("model.head", Json::array({16}));
  folds["split"]["folds"] = 2;
  Json of_two_ranks = BaseConfig();
  of_two_ranks["resources"]["ranks_per_trial"] = 2;
  const SweepGraph sweep =
      Plan({BaseConfig(), With("model.dropout", 0.1), With("train.epochs", 9),
            With("augment.rotation", 1.0), With("seed", 2),
            With("model.backbone", "efficientnet_lite0"), folds, of_two_ranks});
  std::vector<int> fusions;
  for (const PlannedTrial& trial : sweep.trials)
    for (const PlannedFit& fit : trial.fits)
      fusions.push_back(sweep.graph[fit.fine_tune].fusion);
  ASSERT_EQ(fusions.size(), 9U);
  EXPECT_THAT(std::span(fusions).first(3), Each(fusions[0]));
  // The fits of a split with folds are on a split of their own.
  EXPECT_EQ(std::set<int>(fusions.begin() + 2, fusions.end()).size(), 7U);
  EXPECT_GE(fusions[0], 0);
  EXPECT_EQ(fusions.back(), -1);
}

TEST_F(PlannerTest, FeaturesOfSeveralCutsComeFromOnePass) {
  const SweepGraph sweep =
      Plan({BaseConfig(), With("model.cut", "block4"),
            With("model.pooling", "max"), With("augment.rotation", 1.0)});
  std::map<int, std::vector<const TaskNode*>> passes;
  for (TaskId id = 0; id < sweep.graph.size(); ++id)
    if (const TaskNode& node = sweep.graph[id]; node.stage == "features") {
      EXPECT_TRUE(node.one_pass);
      passes[node.fusion].push_back(&node);
    }
  double costs = 0;
  for (const auto& [fusion, tasks] : passes) {
    const Json& views = tasks[0]->params.at("views");
    // The plain views of both settings of augmentation are the same.
    EXPECT_THAT(tasks, SizeIs(AnyOf(3, 1)));
    for (const TaskNode* task : tasks)
      EXPECT_EQ(task->params.at("views"), views);
    if (tasks.size() == 1) continue;
    for (const TaskNode* task : tasks) costs += task->cost;
  }
  // All cuts of a pass together cost what the deepest one costs alone.
  const SweepGraph alone = Plan({BaseConfig()});
  double whole = 0;
  for (TaskId id = 0; id < alone.graph.size(); ++id)
    if (alone.graph[id].stage == "features") whole += alone.graph[id].cost;
  EXPECT_NEAR(costs, whole, 1e-9);
}

TEST_F(PlannerTest, RoundedFeaturesAreComputedOneCutAfterTheOther) {
  const SweepGraph sweep = Plan({With("model.precision", "bf16")});
  for (TaskId id = 0; id < sweep.graph.size(); ++id)
    if (sweep.graph[id].stage == "features") {
      EXPECT_EQ(sweep.graph[id].fusion, -1);
    }
}

TEST_F(PlannerTest, ATorchScriptFileIsWhatItHoldsAndLibTorchsToCompute) {
  const auto named = [](const char* file) {
    return With("model.backbone", {{"torchscript", file}});
  };
  const SweepGraph one = Plan({named("/here/a.pt")});
  EXPECT_EQ(Keys(one), Keys(Plan({named("/there/b.pt")})));
  for (TaskId id = 0; id < one.graph.size(); ++id) {
    const TaskNode& node = one.graph[id];
    if (node.stage != "features") continue;
    EXPECT_EQ(node.numerics, services_.training_numerics);
    EXPECT_FALSE(node.one_pass);
    EXPECT_EQ(node.params.at("backbone"), stages::kTorchScript);
    EXPECT_EQ(node.params.at("weights"), DigestOf(script_).Hex());
  }
  EXPECT_EQ(one.trials[0].config["model"]["backbone"]["sha256"],
            DigestOf(script_).Hex());
  script_ = "another";
  EXPECT_NE(Keys(one), Keys(Plan({named("/here/a.pt")})));
  // Where the sweep's engine is LibTorch, also on a GPU, that runs it.
  services_.numerics["fp32"] = "cuda/libtorch-1/fp32/h100";
  const SweepGraph on_gpu = Plan({named("/here/a.pt")});
  for (TaskId id = 0; id < on_gpu.graph.size(); ++id) {
    if (on_gpu.graph[id].stage != "features") continue;
    EXPECT_EQ(on_gpu.graph[id].numerics, services_.numerics["fp32"]);
  }
}

TEST_F(PlannerTest, WithoutAugmentationThereAreNoViews) {
  const SweepGraph sweep = Plan({With("augment.views", 0)});
  EXPECT_EQ(Count(sweep)["features"], 4);
}

TEST_F(PlannerTest, ASplitFileIsReadIntoTheKey) {
  const SweepGraph sweep = Plan({With("split.file", "/path/split.csv")});
  const Json& params = sweep.graph[sweep.data[0].split].params;
  EXPECT_TRUE(params.contains("file_rows"));
  EXPECT_FALSE(params.at("split").contains("file"));
}

TEST_F(PlannerTest, ErrorsOfTheDataComeBack) {
  services_.scan = [](const Json&, const Json&, std::uint64_t) {
    return Result<stages::SourceScan>(InvalidError("here", "no such folder"));
  };
  const auto result = PlanSweep({{BaseConfig(), Json(), Json()}}, services_);
  EXPECT_EQ(result.status().cause(), "no such folder");
}

}  // namespace
}  // namespace besom::run
