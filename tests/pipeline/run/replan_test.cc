#include "pipeline/run/replan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pipeline/run/resolve_backbone.h"
#include "pipeline/run/stage_versions.h"
#include "pipeline/run/sweep_numerics.h"
#include "stages/data/scan.h"
#include "sweeps/plan.h"

namespace besom::run {
namespace {

constexpr char kNumerics[] =
    "cpu/libtorch-1/fp32/any training=cpu/libtorch-1/fp32/any";

stages::SourceScan ScanOf(int images) {
  stages::SourceScan scan;
  scan.classes = {"a", "b"};
  for (int i = 0; i < images; ++i) {
    stages::ScanEntry entry;
    entry.source = "one";
    entry.path = fmt::format("{}.png", i);
    entry.content = DigestOf(std::string_view(entry.path));
    scan.entries.push_back(entry);
    scan.absolute_paths.push_back("/data/" + entry.path);
  }
  return scan;
}

Json ConfigOf(const char* head) {
  Json config = Json::parse(R"({
    "name": "test", "seed": 1,
    "ingest": {"classes": ["a", "b"], "image_size": "auto",
      "resize": "stretch", "interpolation": "bilinear",
      "bit_depth_range": "full", "duplicates": "group",
      "on_bad_image": "skip", "sources": [{"path": "/data/one"}]},
    "split": {"file": "split.csv", "folds": 2, "repeats": 1},
    "augment": {"views": 2, "rotation": 15.0},
    "model": {"backbone": "efficientnet_lite0", "weights": "random",
      "cut": "full", "pooling": "average", "precision": "fp32",
      "dropout": 0.5, "preprocessing": "weights"},
    "train": {"epochs": 3, "seed": 0},
    "evaluate": {"positive": "a", "external": [], "costs": {},
                 "threshold": {"target": ""}}})");
  config["model"]["head"] = Json::parse(head);
  return config;
}

Json RowsOf(const char* image) {
  return Json::array({{{"image", image}, {"split", "test"}}});
}

/// As a run plans a sweep of two trials.
SweepGraph PlanAtFirst(const stages::SourceScan& scan, const Json& rows) {
  stages::MemoryContentDigests digests;
  std::vector<stages::WeightsInfo> weights;
  PlannerServices services;
  services.scan = [&](const Json&, const Json&, std::uint64_t) {
    return Result<stages::SourceScan>(scan);
  };
  services.backbone = [&](const Json& model) {
    return ResolveBackbone(model, digests, weights);
  };
  services.split_rows = [&](const std::string&) { return Result<Json>(rows); };
  services.stage_versions = StageVersions();
  const SweepNumerics numerics = SweepNumerics::FromText(kNumerics);
  services.numerics = numerics.tags();
  services.training_numerics = numerics.training();
  std::vector<TrialConfig> trials;
  for (const char* head : {"[8]", "[16]"}) {
    const Json config = ConfigOf(head);
    trials.push_back({config, sweeps::IdentityOf(config), Json::object()});
  }
  return PlanSweep(trials, services).value();
}

/// As the store keeps it: without the places of files.
stages::SourceScan Stored(const stages::SourceScan& scan) {
  return stages::SourceScan::FromJson(scan.ToJson()).value();
}

TEST(PlanAgainTest, GivesTheKeysThatTheSweepHad) {
  const SweepGraph first = PlanAtFirst(ScanOf(40), RowsOf("1.png"));
  const PlannedTrial& trial = first.trials[1];
  const RecordedTrial recorded{trial.id, trial.config, kNumerics};
  const RecordedData data{{Stored(ScanOf(39)), Stored(ScanOf(40))},
                          {RowsOf("0.png"), RowsOf("1.png")}};
  const auto again = PlanAgain(recorded, data);
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  ASSERT_EQ(again->trials.size(), 1U);
  ASSERT_EQ(again->trials[0].fits.size(), 2U);
  for (std::size_t fit = 0; fit < 2; ++fit)
    EXPECT_EQ(again->graph[again->trials[0].fits[fit].evaluate].key,
              first.graph[trial.fits[fit].evaluate].key);
}

TEST(PlanAgainTest, SaysSoWhereTheDataAreNotThoseOfTheTrial) {
  const SweepGraph first = PlanAtFirst(ScanOf(40), RowsOf("1.png"));
  const PlannedTrial& trial = first.trials[1];
  const RecordedTrial recorded{trial.id, trial.config, kNumerics};
  for (const RecordedData& data :
       {RecordedData{{Stored(ScanOf(39))}, {RowsOf("1.png")}},
        RecordedData{{Stored(ScanOf(40))}, {RowsOf("0.png")}},
        RecordedData{}}) {
    const auto again = PlanAgain(recorded, data);
    EXPECT_EQ(again.status().code(), StatusCode::kNotFound);
    EXPECT_NE(again.status().cure().find("besom run SPEC"), std::string::npos);
  }
}

TEST(PlanAgainTest, AConfigurationOfAnotherVersionIsAnError) {
  const SweepGraph first = PlanAtFirst(ScanOf(40), RowsOf("1.png"));
  RecordedTrial recorded{first.trials[0].id, first.trials[0].config, kNumerics};
  recorded.config["split"].erase("folds");
  EXPECT_EQ(PlanAgain(recorded, {{Stored(ScanOf(40))}, {RowsOf("1.png")}})
                .status()
                .code(),
            StatusCode::kNotFound);
}

}  // namespace
}  // namespace besom::run
