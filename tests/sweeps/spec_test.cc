#include "sweeps/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sweeps/sweep_text.h"

namespace besom::sweeps {
namespace {

using ::besom::sweeps::testing::BaseWith;
using ::besom::sweeps::testing::ErrorOf;
using ::besom::sweeps::testing::kBase;
using ::besom::sweeps::testing::Parse;
using ::besom::sweeps::testing::World;
using ::testing::HasSubstr;

Json BaseOf(const std::string& text,
            const std::vector<std::string>& overrides = {},
            const World& world = {}) {
  const auto spec = Parse(text, overrides, world);
  EXPECT_TRUE(spec.ok()) << spec.status().ToString();
  return spec.ok() ? spec->base : Json();
}

TEST(SpecTest, NumbersTakeTheTypeOfTheirKey) {
  const Json base =
      BaseOf(kBase +
             "train: {learning_rate: 1e-3, weight_decay: 1, batch_size: 8.0}\n"
             "model: {dropout: 0, head: [+8]}\n");
  EXPECT_EQ(base["train"]["learning_rate"].dump(), "0.001");
  EXPECT_EQ(base["train"]["weight_decay"].dump(), "1.0");
  EXPECT_EQ(base["train"]["batch_size"].dump(), "8");
  EXPECT_EQ(base["model"]["dropout"].dump(), "0.0");
  EXPECT_EQ(base["model"]["head"].dump(), "[8]");
}

TEST(SpecTest, WordsThatYaml11TakesForBooleansStayTexts) {
  const Json base = BaseOf(
      "name: on\n"
      "ingest:\n"
      "  classes: [yes, no]\n"
      "  sources: [{name: p, format: phantom, labels: {clear: no, hazy: yes,\n"
      "             consolidation: null}}]\n"
      "augment: {horizontal_flip: no}\n"
      "metric: {name: recall/yes}\n");
  EXPECT_EQ(base["name"], "on");
  EXPECT_EQ(base["ingest"]["classes"], Json({"yes", "no"}));
  EXPECT_EQ(base["augment"]["horizontal_flip"], false);
}

TEST(SpecTest, AMapHoldsTheKeysOfItsTypeAndAWordIsTheMapOfDefaults) {
  const auto schedule = [](const std::string& text,
                           const std::vector<std::string>& overrides = {}) {
    return BaseOf(kBase + "train: {schedule: " + text + "}\n",
                  overrides)["train"]["schedule"];
  };
  const Json step = {{"type", "step"}, {"step_size", 10}, {"gamma", 0.5}};
  EXPECT_EQ(schedule("{type: step, gamma: 0.5}"), step);
  EXPECT_EQ(schedule("step"), "step");
  EXPECT_EQ(schedule("{type: step}"), "step");
  EXPECT_EQ(schedule("{type: step, step_size: 10, gamma: 0.1}"), "step");
  EXPECT_EQ(schedule("cosine", {"train.schedule={type: step, gamma: 0.5}"}),
            step);
  EXPECT_EQ(schedule("{type: step}", {"train.schedule.gamma=0.5"}), step);
  EXPECT_EQ(schedule("constant", {"schedule=cosine"}), "cosine");
  EXPECT_EQ(schedule("{type: one_cycle, max_lr: auto}"), "one_cycle");
}

// A key below another one, as those of a schedule, takes no name from others.
TEST(SpecTest, TheLastWordOfAPathStandsForTheUpperKey) {
  const Json base = BaseOf(kBase, {"patience=3", "type=none"});
  EXPECT_EQ(base["train"]["early_stopping"]["patience"], 3);
  EXPECT_EQ(base["train"]["schedule"], "constant");
  EXPECT_EQ(BaseOf(kBase, {"epochs=7"})["train"]["epochs"], 7);
  EXPECT_THAT(ErrorOf(kBase, {"gamma=3"}),
              HasSubstr("train.schedule.gamma, train.loss.gamma"));
}

TEST(SpecTest, VariablesExpandInValues) {
  const World world{.variables = {{"DATA", "d"}, {"EMPTY", ""}, {"E", "3"}},
                    .folders = {"/s/d/x", "/s/data/x"}};
  const auto path = [&](const std::string& text) {
    return BaseOf(
        BaseWith("p, format: phantom, labels",
                 "p, format: image_folder, path: \"" + text + "\", labels"),
        {}, world)["ingest"]["sources"][0]["path"];
  };
  EXPECT_EQ(path("${DATA}/x"), "/s/d/x");
  EXPECT_EQ(path("${NONE:-data}/x"), "/s/data/x");
  EXPECT_EQ(path("${EMPTY:-data}/x"), "/s/data/x");
  const Json base = BaseOf(kBase + "train:\n  epochs: ${E}\n", {}, world);
  EXPECT_EQ(base["train"]["epochs"], 3);
}

TEST(SpecTest, ADollarBeforeABraceCanBeWritten) {
  const Json base = BaseOf(kBase + "slurm: {setup: ['echo $${HOME} $5']}\n");
  EXPECT_EQ(base["slurm"]["setup"][0], "echo ${HOME} $5");
}

TEST(SpecTest, PathsAreRelativeToTheFile) {
  const World world{.folders = {"/a/b", "/data"}, .files = {"/s/split.csv"}};
  const std::string text =
      BaseWith("p, format: phantom, labels",
               "p, format: image_folder, path: ../a/./b, labels") +
      "split: {file: split.csv}\n";
  const Json base = BaseOf(text, {}, world);
  EXPECT_EQ(base["ingest"]["sources"][0]["path"], "/a/b");
  EXPECT_EQ(base["split"]["file"], "/s/split.csv");
}

TEST(SpecTest, SourcesHoldTheKeysOfTheirFormat) {
  const Json base = BaseOf(
      BaseWith("p, format: phantom, labels:",
               "p, format: metadata_csv, path: d, label: covid, where: {view: "
               "[PA, AP], finding: x}, labels:"),
      {}, {.folders = {"/s/d"}});
  const Json& source = base["ingest"]["sources"][0];
  EXPECT_EQ(source["where"], Json::parse(R"({"view": ["PA", "AP"],
                                              "finding": ["x"]})"));
  EXPECT_EQ(source["patients"], "p");
  EXPECT_FALSE(source.contains("images"));
}

TEST(SpecTest, SetOverridesByPathByLastWordAndInsideLists) {
  const Json base =
      BaseOf(kBase, {"train.epochs=3", "dropout=0.25", "model.head=[1, 2]",
                     "ingest.sources.p.images=30", "ingest.sources.0.size=64",
                     "seed=5"});
  EXPECT_EQ(base["train"]["epochs"], 3);
  EXPECT_EQ(base["model"]["dropout"], 0.25);
  EXPECT_EQ(base["model"]["head"], Json({1, 2}));
  EXPECT_EQ(base["ingest"]["sources"][0]["images"], 30);
  EXPECT_EQ(base["ingest"]["sources"][0]["size"], 64);
  EXPECT_EQ(base["seed"], 5);
}

TEST(SpecTest, SetReachesAxes) {
  const std::string text =
      kBase + "parameters: {model.head: {values: [[8]]}}\n";
  const auto spec = Parse(text, {"parameters.model.head.values=[[1], [2]]",
                                 "parameters.model.dropout=[0.1]"});
  ASSERT_TRUE(spec.ok()) << spec.status().ToString();
  ASSERT_EQ(spec->axes.size(), 2u);
  EXPECT_EQ(spec->axes[0].values.size(), 2u);
  EXPECT_EQ(spec->axes[1].path, "model.dropout");
}

TEST(SpecTest, PrecisionHasTwoNames) {
  EXPECT_EQ(
      BaseOf(kBase + "resources: {precision: bf16}\n")["model"]["precision"],
      "bf16");
  EXPECT_THAT(ErrorOf(kBase + "resources: {precision: fp8}\n"),
              HasSubstr("/s/t.yaml:7:24: `model.precision`"));
  EXPECT_THAT(ErrorOf(kBase + "resources: {precision: fp32}\n"
                              "model: {precision: fp32}\n"),
              HasSubstr("/s/t.yaml:7:13: `resources.precision` and"));
  EXPECT_EQ(BaseOf(kBase, {"resources.precision=fp32"})["model"]["precision"],
            "fp32");
}

TEST(SpecTest, SelectingOnTestMustBeAllowed) {
  const std::string text = BaseWith("recall/covid}", "accuracy, split: test}");
  EXPECT_THAT(ErrorOf(text), HasSubstr("/s/t.yaml:6:33: selecting on test"));
  EXPECT_EQ(ErrorOf(text, {"metric.allow_test=true"}), "");
}

TEST(SpecTest, CanonicalTextTellsSpecsApart) {
  const auto text = [](const std::string& more) {
    return Parse(kBase + more)->canonical().dump();
  };
  EXPECT_EQ(text("parameters: {dropout: [0]}\n"),
            text("parameters: {model.dropout: {values: [0.0]}}\n"));
  EXPECT_NE(text("parameters: {dropout: [0]}\n"), text(""));
  EXPECT_NE(text("constraints: ['train.epochs > 1']\n"), text(""));
  EXPECT_NE(text("train: {epochs: 3}\n"), text(""));
}

TEST(SpecTest, AMissingFileIsNotFoundAndAFolderInvalid) {
  const Environment environment = ProcessEnvironment();
  EXPECT_EQ(LoadSweep("/no/such.yaml", {}, environment).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(LoadSweep("/", {}, environment).status().code(),
            StatusCode::kInvalid);
}

}  // namespace
}  // namespace besom::sweeps
