#include "stages/model/export/exported_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "stages/model/export/model_files.h"

namespace besom::stages {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A linear head of `inputs` numbers.
std::string Head(int inputs, const std::vector<std::string>& classes) {
  const int outputs = static_cast<int>(classes.size());
  HeadLayer layer{inputs, outputs, {}, {}};
  layer.weights.assign(static_cast<std::size_t>(inputs) * layer.padded(), 0);
  layer.bias.assign(static_cast<std::size_t>(layer.padded()), 0);
  return HeadModel({layer}, {{"classes", classes}}).ToBlob();
}

ModelParts Parts(std::vector<std::string> heads) {
  return {.model = {{"backbone", "resnet18"},
                    {"cut", "layer1"},
                    {"pooling", "average"},
                    {"unfreeze", "none"},
                    {"preprocessing", "unit"}},
          .size = 32,
          .weights = "random",
          .heads = std::move(heads)};
}

std::vector<std::string> NamesOf(const ExportedModel& model) {
  std::vector<std::string> names;
  const TensorList list = TensorsOf(model).value();
  for (const FloatTensor& tensor : list.tensors()) names.push_back(tensor.name);
  return names;
}

TEST(ExportedModelTest, OneFitHasThePlainNames) {
  const auto model = AssembleModel(Parts({Head(64, {"a", "b"})}));
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  const auto names = NamesOf(*model);
  EXPECT_EQ(names.front(), "conv1.weight");
  EXPECT_EQ(names[names.size() - 2], "head.0.weight");
  EXPECT_THAT(names, testing::Not(testing::Contains(HasSubstr("layer2"))));
}

TEST(ExportedModelTest, SeveralFitsShareAFrozenBase) {
  const std::string head = Head(64, {"a", "b"});
  const auto model = AssembleModel(Parts({head, head}));
  ASSERT_TRUE(model.ok());
  const auto names = NamesOf(*model);
  EXPECT_EQ(std::ranges::count(names, "conv1.weight"), 1);
  EXPECT_THAT(std::vector(names.end() - 4, names.end()),
              ElementsAre("fits.0.head.0.weight", "fits.0.head.0.bias",
                          "fits.1.head.0.weight", "fits.1.head.0.bias"));
}

TEST(ExportedModelTest, ATrainedPartThatIsNotThereIsCorrupt) {
  ModelParts parts = Parts({Head(64, {"a", "b"})});
  parts.model["unfreeze"] = "layer1";
  const auto model = AssembleModel(parts);
  ASSERT_TRUE(model.ok());
  const Status status = TensorsOf(*model).status();
  EXPECT_EQ(status.code(), StatusCode::kCorrupt);
  EXPECT_THAT(status.ToString(), HasSubstr("layer1.0.conv1.weight"));
}

TEST(ExportedModelTest, PartsThatDoNotBelongTogetherAreCorrupt) {
  EXPECT_EQ(AssembleModel(Parts({Head(63, {"a", "b"})})).status().code(),
            StatusCode::kCorrupt);
  EXPECT_EQ(AssembleModel(Parts({Head(64, {"a", "b"}), Head(64, {"b", "a"})}))
                .status()
                .code(),
            StatusCode::kCorrupt);
}

TEST(ExportedModelTest, OtherWeightsThanTheTrialsAreRefused) {
  ModelParts parts = Parts({Head(64, {"a", "b"})});
  parts.weights = DigestOf(std::string_view("trial")).Hex();
  parts.weights_path = "/proc/self/cmdline";
  EXPECT_THAT(AssembleModel(parts).status().ToString(),
              HasSubstr("not the weights of the trial"));
}

TEST(ExportedModelTest, AProgramAsBaseIsForTorchscriptOnly) {
  ModelParts parts = Parts({Head(64, {"a", "b"})});
  parts.model["backbone"] = {{"torchscript", "own.pt"}};
  const auto model = AssembleModel(parts);
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  for (const ExportFormat format :
       {ExportFormat::kOnnx, ExportFormat::kSafetensors}) {
    // (Assembled without a file, so that only the format can refuse it.)
    ExportedModel program = *model;
    program.script = "own.pt";
    const Status status = PackModel(program, format, {}).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalid);
    EXPECT_THAT(status.cure(), HasSubstr("torchscript"));
  }
}

TEST(ExportedModelTest, EqualModelsAreEqualBytes) {
  for (const ExportFormat format :
       {ExportFormat::kOnnx, ExportFormat::kSafetensors}) {
    const auto pack = [&] {
      const auto model = AssembleModel(Parts({Head(64, {"a", "b"})}));
      return PackModel(*model, format, {{"besom", "{}"}}).value();
    };
    EXPECT_EQ(pack(), pack());
  }
}

}  // namespace
}  // namespace besom::stages
