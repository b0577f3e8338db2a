// SWEEP_YAML.md and the examples say what the schema says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "sweeps/schema.h"
#include "tests/sweeps/sweep_text.h"

namespace besom::sweeps {
namespace {

const Path kFolder = BESOM_SWEEPS_FOLDER;

/// Every folder and file exists: the examples' data need not be here.
Environment GenerousEnvironment() {
  Environment environment;
  environment.variable = [](const std::string& name) {
    return std::optional<std::string>(
        name == "VGG16_WEIGHTS" ? "/w/vgg16.safetensors" : "/data");
  };
  environment.kind = [](const Path& path) {
    const bool file = !path.extension().empty() && path.extension() != ".pdf";
    return file ? PathKind::kFile : PathKind::kFolder;
  };
  return environment;
}

TrialPlan PlanOf(const std::string& example) {
  const auto spec =
      LoadSweep(kFolder / "examples" / example, {}, GenerousEnvironment());
  EXPECT_TRUE(spec.ok()) << spec.status().ToString();
  if (!spec.ok()) return {};
  const auto plan = ExpandTrials(*spec);
  EXPECT_TRUE(plan.ok()) << plan.status().ToString();
  return plan.ok() ? *plan : TrialPlan{};
}

TEST(DocumentsTest, TheSettingsTableIsTheSchemas) {
  const auto page = ReadFile(kFolder / "SWEEP_YAML.md");
  ASSERT_TRUE(page.ok());
  const std::string mark =
      "<!-- settings: printed by besom_settings_table -->\n";
  const std::size_t at = page->find(mark);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(page->substr(at + mark.size()), SettingsTable(SweepSchema()))
      << "build besom_settings_table and put its output into the page";
}

TEST(DocumentsTest, CovidXrayHasEighteenTrials) {
  const TrialPlan plan = PlanOf("covid-xray.yaml");
  ASSERT_EQ(plan.trials.size(), 18u);
  EXPECT_EQ(plan.trials[0].config["model"]["weights"], "/w/vgg16.safetensors");
  EXPECT_EQ(plan.trials[9].config["model"]["weights"], "imagenet");
  EXPECT_EQ(plan.trials[17].parameters,
            Json::parse(R"({"model.backbone": "efficientnet_lite0",
                            "model.head": [128], "model.dropout": 0.7})"));
}

TEST(DocumentsTest, EqualTrialsOfTheUnfreezingExampleAreOne) {
  EXPECT_EQ(PlanOf("unfreeze.yaml").trials.size(), 15U);
  EXPECT_EQ(PlanOf("truncation.yaml").trials.size(), 24U);
  EXPECT_EQ(PlanOf("covid-vgg.yaml").trials.size(), 6U);
}

TEST(DocumentsTest, DemoAndSmokeNeedNoData) {
  for (const auto& [name, trials] :
       {std::pair{"demo.yaml", 6u}, std::pair{"smoke.yaml", 4u}}) {
    const TrialPlan plan = PlanOf(name);
    ASSERT_EQ(plan.trials.size(), trials) << name;
    for (const Json& source : plan.trials[0].config["ingest"]["sources"])
      EXPECT_EQ(source["format"], "phantom");
  }
}

TEST(DocumentsTest, EveryKeyHasAUniquePathAndAWordAboutIt) {
  for (const Key& key : SweepSchema().keys()) {
    EXPECT_FALSE(key.forms.empty()) << key.path;
    EXPECT_FALSE(key.doc.empty() && key.unit.empty()) << key.path;
  }
}

}  // namespace
}  // namespace besom::sweeps
