// Every kind of mistake in a sweep, with the place that it is reported at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sweeps/sweep_text.h"

namespace besom::sweeps {
namespace {

using ::besom::sweeps::testing::BaseWith;
using ::besom::sweeps::testing::ErrorOf;
using ::besom::sweeps::testing::kBase;
using ::besom::sweeps::testing::World;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Mistake {
  std::string name;
  std::string text;
  std::string error;  ///< How the message begins.
  std::string cure;   ///< A part of it.
};

void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

std::string Source(const std::string& keys) {
  return BaseWith(
      "p, format: phantom, labels: {clear: normal, hazy: covid, "
      "consolidation: null}",
      "p, " + keys);
}

const std::vector<Mistake>& Mistakes() {
  static const std::vector<Mistake> mistakes = {
      {"UnknownTopKey", kBase + "trian: {epochs: 3}\n",
       "/s/t.yaml:7:1: `trian` is no key of a sweep", "did you mean `train`?"},
      {"UnknownKey", kBase + "train:\n  epocs: 3\n",
       "/s/t.yaml:8:3: `epocs` is no key of `train`", "did you mean `epochs`?"},
      {"KeyInTheWrongPlace", kBase + "epochs: 3\n",
       "/s/t.yaml:7:1: `epochs` is no key of a sweep", "`train.epochs`"},
      {"UnknownSourceKey", Source("format: phantom, imgaes: 3"),
       "/s/t.yaml:5:34: `imgaes` is no key of `ingest.sources`",
       "did you mean `images`?"},
      {"KeyOfAnotherFormat", Source("format: image_folder, path: /d, size: 64"),
       "/s/t.yaml:5:49: `size` is no key of the format image_folder",
       "it belongs to: phantom"},
      {"TextForNumber", kBase + "train: {epochs: many}\n",
       "/s/t.yaml:7:17: `train.epochs` cannot be `many`",
       "give a whole number 1..100000"},
      {"QuotedNumber", kBase + "train: {epochs: '3'}\n",
       "/s/t.yaml:7:17: `train.epochs` cannot be the text `3`",
       "without quotes?"},
      {"FractionForInteger", kBase + "train: {epochs: 2.5}\n",
       "/s/t.yaml:7:17: `train.epochs` cannot be `2.5`", "a whole number"},
      {"OctalNumber", kBase + "train: {epochs: 010}\n",
       "/s/t.yaml:7:17: `train.epochs` cannot be `010`", "a whole number"},
      {"OutOfRange", kBase + "model: {dropout: 1.0}\n",
       "/s/t.yaml:7:18: `model.dropout` cannot be `1.0`",
       "a number 0..1 (excluded)"},
      {"NotANumber", kBase + "train: {learning_rate: .nan}\n",
       "/s/t.yaml:7:24: `train.learning_rate` cannot be `.nan`",
       "a number > 0"},
      {"ScalarForList", kBase + "model: {head: 64}\n",
       "/s/t.yaml:7:15: `model.head` cannot be `64`", "write [64]"},
      {"ListForScalar", kBase + "model: {dropout: [0.5]}\n",
       "/s/t.yaml:7:18: `model.dropout` cannot be a list", "a number"},
      {"ListForSection", kBase + "train: [1]\n",
       "/s/t.yaml:7:8: `train` must be a map of keys, not a list", "epochs"},
      {"NoValue", kBase + "train:\n  epochs:\n",
       "/s/t.yaml:8:3: `train.epochs` has no value", "a whole number"},
      {"UnknownWord", kBase + "model: {pooling: avarage}\n",
       "/s/t.yaml:7:18: `model.pooling` cannot be `avarage`",
       "did you mean `average`?"},
      {"UnknownBackbone", kBase + "model: {backbone: vggg16}\n",
       "/s/t.yaml:7:19: `model.backbone` cannot be `vggg16`",
       "did you mean `vgg16`?"},
      {"UnknownClass", BaseWith("hazy: covid", "hazy: covd"),
       "/s/t.yaml:5:64: `covd` is no class", "did you mean `covid`?"},
      {"UnknownPositive", kBase + "evaluate: {positive: covd}\n",
       "/s/t.yaml:7:22: `covd` is no class", "did you mean `covid`?"},
      {"UnknownClassWeight", kBase + "train: {class_weights: {covd: 2}}\n",
       "/s/t.yaml:7:31: `covd` is no class", "did you mean `covid`?"},
      {"UnknownPhantomKind", BaseWith("hazy: covid", "hazy: covid, fog: covid"),
       "/s/t.yaml:5:76: phantom draws no `fog`", "hazy"},
      {"PhantomKindWithoutClass", BaseWith(", consolidation: null", ""),
       "/s/t.yaml:5:42: phantom draws `consolidation`, which is no class",
       "or null"},
      {"UnknownMetric", BaseWith("recall/covid", "recal/covid"),
       "/s/t.yaml:6:16: there is no metric `recal`", "did you mean `recall`?"},
      {"UnknownMetricClass", BaseWith("recall/covid", "recall/covdi"),
       "/s/t.yaml:6:16: `covdi` is no class", "did you mean `covid`?"},
      {"UnknownTieBreaker",
       BaseWith("recall/covid}", "recall/covid, then: [loss, f11]}"),
       "/s/t.yaml:6:43: there is no metric `f11`", "did you mean `f1`?"},
      {"BadBound",
       BaseWith("recall/covid}", "recall/covid, subject_to: [f1/covid > 0]}"),
       "/s/t.yaml:6:43: `f1/covid > 0` is no condition", "METRIC >= NUMBER"},
      {"BadThresholdTarget",
       kBase + "evaluate: {threshold: {target: accuracy >= 0.9}}\n",
       "/s/t.yaml:7:32: a threshold cannot aim at `accuracy >= 0.9`",
       "METRIC/CLASS"},
      {"ThresholdWithoutValidation",
       kBase + "evaluate: {threshold: {target: recall/covid >= 1}}\n"
               "split: {validation: 0}\n",
       "/s/t.yaml:", "give split.validation a share"},
      {"UnknownCostClass", kBase + "evaluate: {costs: {covd: {normal: 2}}}\n",
       "/s/t.yaml:7:26: `covd` is no class", "did you mean `covid`?"},
      {"UnknownCostOfClass", kBase + "evaluate: {costs: {covid: {norml: 2}}}\n",
       "/s/t.yaml:7:35: `norml` is no class", "did you mean `normal`?"},
      {"CostOfBeingRight", kBase + "evaluate: {costs: {covid: {covid: 2}}}\n",
       "/s/t.yaml:7:35: being right has a cost", "diagonal is 0"},
      {"NegativeCost", kBase + "evaluate: {costs: {covid: {normal: -1}}}\n",
       "/s/t.yaml:7:36: `evaluate.costs.covid.normal` cannot be `-1`",
       "a number >= 0"},
      {"ExpectedCostWithoutCosts", BaseWith("recall/covid", "expected_cost"),
       "/s/t.yaml:6:16: `expected_cost` needs costs", "evaluate.costs"},
      {"ExpectedCostDecidesTiesWithoutCosts",
       BaseWith("recall/covid}", "loss, then: [accuracy, expected_cost]}"),
       "/s/t.yaml:6:39: `expected_cost` needs costs", "evaluate.costs"},
      {"BoundOnExpectedCostWithoutCosts",
       BaseWith("recall/covid}", "loss, subject_to: ['expected_cost <= 1']}"),
       "/s/t.yaml:6:35: `expected_cost` needs costs", "evaluate.costs"},
      {"TopOfAllClasses", BaseWith("recall/covid", "top_2"),
       "/s/t.yaml:6:16: `top_2` of 2 classes is no figure", "write accuracy"},
      {"BoundOnTopOfMoreThanAllClasses",
       BaseWith("recall/covid}", "loss, subject_to: ['top_5 >= 0.9']}"),
       "/s/t.yaml:6:35: `top_5` of 2 classes is no figure", "write accuracy"},
      {"UnknownSet", BaseWith("recall/covid}", "loss, split: validaton}"),
       "/s/t.yaml:6:29: there is no set `validaton`",
       "did you mean `validation`?"},
      {"DuplicateClass", BaseWith("[covid, normal]", "[covid, normal, covid]"),
       "/s/t.yaml:3:28: the class `covid` stands twice", "keep one"},
      {"BadName", BaseWith("name: t", "name: a b"),
       "/s/t.yaml:1:7: `a b` cannot name a sweep", "letters"},
      {"MissingName", BaseWith("name: t", "seed: 3"),
       "/s/t.yaml:1:1: `name` is missing", "give name"},
      {"MissingClasses", BaseWith("  classes: [covid, normal]\n", ""),
       "/s/t.yaml:3:3: `ingest.classes` is missing", "give classes"},
      {"MissingSources",
       "name: t\ningest:\n  classes: [a, b]\n  sources: []\nmetric: {name: "
       "loss}\n",
       "/s/t.yaml:4:12: `ingest.sources` has 0 elements", "at least"},
      {"MissingMetric", BaseWith("{name: recall/covid}", "{split: train}"),
       "/s/t.yaml:6:9: `metric.name` is missing", "give name"},
      {"MissingSourceName", BaseWith("name: p, ", ""),
       "/s/t.yaml:5:7: `ingest.sources.name` is missing", "give name"},
      {"MissingSourcePath", Source("format: image_folder"),
       "/s/t.yaml:5:7: `ingest.sources.path` is missing", "give path"},
      {"MissingFolder", Source("format: image_folder, path: no"),
       "/s/t.yaml:5:45: there is no folder /s/no", "relative paths"},
      {"FileForFolder", Source("format: image_folder, path: f.csv"),
       "/s/t.yaml:5:45: /s/f.csv is no folder", "relative paths"},
      {"MissingImageFolder",
       Source("format: metadata_csv, path: /d, label: covid, image_folder: x"),
       "/s/t.yaml:5:77: there is no folder /d/x", "relative paths"},
      {"MissingWeights", kBase + "model: {weights: w.safetensors}\n",
       "/s/t.yaml:7:18: there is no file /s/w.safetensors", "relative paths"},
      {"MisspeltWeights", kBase + "model: {weights: imagnet}\n",
       "/s/t.yaml:7:18: `model.weights` cannot be `imagnet`",
       "did you mean `imagenet`?"},
      {"NoNameOfWeights", kBase + "model: {weights: 1.5}\n",
       "/s/t.yaml:7:18: `model.weights` cannot be", "a name like vgg16.keras"},
      {"WeightsOutOfReach", kBase + "model: {weights: ../vgg16.pth}\n",
       "/s/t.yaml:7:18: `model.weights` cannot be", "a file *.safetensors"},
      {"MissingSplitFile", kBase + "split: {file: s.csv}\n",
       "/s/t.yaml:7:15: there is no file /s/s.csv", "relative paths"},
      {"SharesBesideASplitFile", kBase + "split: {file: f.csv, test: 0.1}\n",
       "/s/t.yaml:7:15: `split.file` gives the split", "remove"},
      {"BadPattern",
       Source("format: image_folder, path: /d, group_pattern: '(a'"),
       "/s/t.yaml:5:64: `(a` is no regular expression", "RE2"},
      {"PatternWithoutGroup",
       Source("format: image_folder, path: /d, group_pattern: 'a'"),
       "/s/t.yaml:5:64: `a` captures nothing", "(...)"},
      {"NoLabel", Source("format: metadata_csv, path: /d"),
       "/s/t.yaml:5:7: nothing says which class", "label"},
      {"TwoLabels",
       Source("format: csv, path: f.csv, label: covid, label_column: x"),
       "/s/t.yaml:5:71: `label` and `label_column` exclude", "keep one"},
      {"DicomWithoutLabel", Source("format: dicom_folder, path: /d"),
       "/s/t.yaml:5:7: nothing says which class", "label_tag"},
      {"DicomOfTwoLabels",
       Source("format: dicom_folder, path: /d, label: covid, label_tag: X"),
       "/s/t.yaml:5:56: `label`, `label_tag` and", "keep one"},
      {"DicomColumnWithoutTable",
       Source("format: dicom_folder, path: /d, label: covid, group_column: X"),
       "/s/t.yaml:5:77: there is no table", "table: FILE.csv"},
      {"DicomTableForNothing",
       Source("format: dicom_folder, path: /d, label: covid, table: f.csv"),
       "/s/t.yaml:5:70: nothing is read from it", "label_column"},
      {"DicomTableThatIsMissing",
       Source("format: dicom_folder, path: /d, table: g.csv, label_column: x"),
       "/s/t.yaml:5:56: ", "g.csv"},
      {"TagOutsideOfDicom",
       Source("format: image_folder, path: /d, label_tag: X"),
       "/s/t.yaml:5:49: ", "dicom_folder"},
      {"TwoSourcesOfOneName",
       BaseWith("    - {name: p",
                "    - {name: p, format: image_folder, path: /d}\n    - {name: "
                "p"),
       "/s/t.yaml:6:14: two sources are called `p`", "rename"},
      {"ExternalCalledTest",
       kBase + "evaluate: {external: [{name: test, format: image_folder, path: "
               "/d}]}\n",
       "/s/t.yaml:7:30: an external set cannot be called `test`", "rename"},
      {"SharesAboveOne", kBase + "split: {test: 0.5, validation: 0.5}\n",
       "/s/t.yaml:7:32: test and validation take 1 of the images", "below 1"},
      {"StoppingWithoutValidation",
       kBase + "split: {validation: 0}\ntrain: {early_stopping: {patience: "
               "2}}\n",
       "/s/t.yaml:6:9: trials are ranked on validation",
       "/s/t.yaml:8:36: early stopping needs a validation set"},
      {"PlateauWithoutValidation",
       kBase + "split: {validation: 0}\ntrain: {schedule: {type: plateau}}\n",
       "/s/t.yaml:6:9: trials are ranked on validation",
       "/s/t.yaml:8:19: plateau looks at the validation loss"},
      {"UnknownSchedule", kBase + "train: {schedule: cosin}\n",
       "/s/t.yaml:7:19: `train.schedule` cannot be `cosin`",
       "did you mean `cosine`?"},
      {"ScheduleWithoutType", kBase + "train: {schedule: {gamma: 0.5}}\n",
       "/s/t.yaml:7:19: `train.schedule.type` is missing", "one_cycle"},
      {"KeyOfAnotherSchedule",
       kBase + "train: {schedule: {type: cosine, gamma: 0.5}}\n",
       "/s/t.yaml:7:34: `gamma` is no key of the type cosine",
       "it belongs to: step"},
      {"ScheduleOutOfRange",
       kBase + "train: {schedule: {type: plateau, factor: 1}}\n",
       "/s/t.yaml:7:43: `train.schedule.factor` cannot be `1`",
       "a number above 0..1 (excluded)"},
      {"GammaOfCrossEntropy",
       kBase + "train: {loss: {type: cross_entropy, gamma: 2}}\n",
       "/s/t.yaml:7:37: `gamma` is no key of the type cross_entropy",
       "it belongs to: focal"},
      {"AverageThatNeverMoves", kBase + "train: {ema: 1}\n",
       "/s/t.yaml:7:14: `train.ema` cannot be `1`", "0..1 (excluded)"},
      {"NegativeMixup", kBase + "train: {mixup: -0.2}\n",
       "/s/t.yaml:7:16: `train.mixup` cannot be `-0.2`", "a number >= 0"},
      {"NegativeClipNorm", kBase + "train: {clip_norm: -1}\n",
       "/s/t.yaml:7:20: `train.clip_norm` cannot be `-1`", "a number >= 0"},
      {"MomentumOfOne", kBase + "train: {momentum: 1}\n",
       "/s/t.yaml:7:19: `train.momentum` cannot be `1`", "0..1 (excluded)"},
      {"WarmupOfAllEpochs", kBase + "train: {epochs: 5, warmup: {epochs: 5}}\n",
       "/s/t.yaml:7:37: a warm-up of 5 epochs leaves none of 5", "fewer"},
      {"WarmupInTwoUnits", kBase + "train: {warmup: {epochs: 2, steps: 9}}\n",
       "/s/t.yaml:7:36: the warm-up's length is given in epochs and in steps",
       "keep one"},
      {"WarmupWithoutLength", kBase + "train: {warmup: {start_factor: 0.1}}\n",
       "/s/t.yaml:7:17: the warm-up has no length", "or warmup: none"},
      {"WarmupFromAbove", kBase + "train: {warmup: {start_factor: 1.5}}\n",
       "/s/t.yaml:7:32: `train.warmup.start_factor` cannot be `1.5`", "0..1"},
      {"TheWorstEpoch", kBase + "train: {keep: {metric: accuracy}}\n",
       "/s/t.yaml:7:15: to minimize accuracy keeps the worst epoch",
       "train.keep.goal: maximize"},
      {"UnknownWeightsEntry",
       kBase + "model: {weights: {efficientnet_lite0: imagenet, vgg99: "
               "random}}\n",
       "/s/t.yaml:7:56: there is no backbone `vgg99`", "did you mean"},
      {"UnknownAxis", kBase + "parameters:\n  hed: [[1]]\n",
       "/s/t.yaml:8:3: `hed` is no key that an axis may vary",
       "did you mean `head`?"},
      {"NoAxis", kBase + "parameters:\n  run_cap: [1]\n",
       "/s/t.yaml:8:3: `run_cap` cannot be an axis", "model"},
      {"BadAxisValue", kBase + "parameters:\n  dropout: {values: [0.1, x]}\n",
       "/s/t.yaml:8:27: `model.dropout` cannot be `x`", "a number"},
      {"FlatList", kBase + "parameters:\n  model.head: [32]\n",
       "/s/t.yaml:8:16: `model.head` cannot be `32`", "write [32]"},
      {"AxesOverlap",
       kBase + "parameters:\n  augment.views: [1]\n  augment: [{views: 2}]\n",
       "/s/t.yaml:9:3: the axes `augment.views` and `augment` overlap",
       "keep one"},
      {"SameAxisTwice",
       kBase + "parameters:\n  head: [[1]]\n  model.head: "
               "[[2]]\n",
       "/s/t.yaml:9:3: the axes `model.head` and `model.head` overlap",
       "keep one"},
      {"ContinuousGrid",
       kBase + "parameters:\n  dropout: {min: 0.1, max: 0.5}\n",
       "/s/t.yaml:8:3: a grid cannot run through uniform", "`q`"},
      {"ListWithoutMethod", kBase + "parameters: [{head: [1]}]\n",
       "/s/t.yaml:7:13: `parameters` must be a map of axes", "method: list"},
      {"MapWithMethodList", kBase + "method: list\nparameters: {head: [[1]]}\n",
       "/s/t.yaml:8:13: method list wants a list of trials", "parameters: ["},
      {"BadWhen",
       kBase + "parameters:\n  head: {values: [[1]], when: 'modle.cut == x'}\n",
       "/s/t.yaml:8:31: at character 1: `modle.cut` is no key",
       "did you mean `model.cut`?"},
      {"BadConstraint", kBase + "constraints:\n  - train.epochs >\n",
       "/s/t.yaml:8:5: at character 15: the end where a value", ""},
      {"UnsetVariable", kBase + "model: {weights: '${W}'}\n",
       "/s/t.yaml:7:18: the variable W is not set", "${W:-default}"},
      {"BrokenVariable", kBase + "model: {weights: '${W'}\n",
       "/s/t.yaml:7:18: `${` without `}`", "${NAME}"},
      {"EmptyFile", "", "/s/t.yaml:1:1: `name` is missing", "give name"},
      {"AListOfThings", "- a\n- b\n", "/s/t.yaml:1:1: a sweep is a map",
       "name: my-sweep"},
  };
  return mistakes;
}

class SpecErrorsTest : public ::testing::TestWithParam<Mistake> {};

TEST_P(SpecErrorsTest, HasPlaceCauseAndCure) {
  const World world{.folders = {"/d"}, .files = {"/s/f.csv"}};
  EXPECT_THAT(ErrorOf(GetParam().text, {}, world),
              AllOf(StartsWith(GetParam().error), HasSubstr(GetParam().cure)));
}

INSTANTIATE_TEST_SUITE_P(Every, SpecErrorsTest, ::testing::ValuesIn(Mistakes()),
                         [](const auto& mistake) {
                           return mistake.param.name;
                         });

TEST(NotBuiltYetTest, DocumentedValuesAreRefusedWithThatWord) {
  for (const std::string text :
       {"evaluate.predictions=best", "method=sobol", "method=tpe", "method=gp",
        "early_terminate.type=asha", "ingest.sources.p.format=idx"}) {
    EXPECT_THAT(ErrorOf(kBase, {text}), HasSubstr("not built yet")) << text;
  }
}

TEST(NotBuiltYetTest, AnAxisIsNoWayAround) {
  EXPECT_THAT(
      ErrorOf(kBase + "parameters:\n  predictions: [all, best]\n"),
      StartsWith(
          "/s/t.yaml:8:22: `evaluate.predictions: best` is not built yet"));
}

TEST(OverrideErrorsTest, HaveTheOptionAsPlace) {
  const auto error = [](const std::string& text) {
    return ErrorOf(kBase, {text});
  };
  EXPECT_THAT(error("train.epochs=x"),
              StartsWith("--set train.epochs: `train.epochs` cannot be `x`"));
  EXPECT_THAT(error("train.epocs=3"),
              StartsWith("--set train.epocs: `epocs` is no key of `train`"));
  EXPECT_THAT(error("epocs=3"), AllOf(StartsWith("--set epocs: there is no"),
                                      HasSubstr("did you mean `epochs`?")));
  EXPECT_THAT(error("time=3"), HasSubstr("limits.time, slurm.time"));
  EXPECT_THAT(error("epochs"), HasSubstr("`=` is missing"));
  EXPECT_THAT(error("ingest.sources.q.size=3"), HasSubstr("elements: p"));
  EXPECT_THAT(error("train.epochs=[1"), HasSubstr("not valid YAML"));
}

TEST(SeveralErrorsTest, ComeInTheOrderOfTheFile) {
  const std::string error =
      ErrorOf(kBase + "train: {optimizer: x, epochs: y}\nmodel: {cuts: 1}\n");
  const std::size_t first = error.find("7:20");
  const std::size_t second = error.find("7:31");
  const std::size_t third = error.find("8:9");
  EXPECT_EQ(first, std::string("/s/t.yaml:").size());
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos);
}

}  // namespace
}  // namespace besom::sweeps
