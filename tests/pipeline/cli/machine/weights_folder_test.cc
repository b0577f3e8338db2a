#include "pipeline/cli/machine/weights_folder.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "stages/model/backbone_catalog.h"
#include "stages/model/safetensors.h"
#include "tests/pipeline/cli/machine/image_tree.h"

namespace besom::cli {
namespace {

using ::testing::HasSubstr;

class WeightsFolderTest : public besom::testing::ImageTree {
 protected:
  WeightsFolderTest() {
    ::setenv("BESOM_WEIGHTS", (root_ / "weights").c_str(), 1);
  }
  ~WeightsFolderTest() override { ::unsetenv("BESOM_WEIGHTS"); }

  /// A file with the shapes of EfficientNet-Lite0, all `value`.
  std::filesystem::path MakeWeights(float value) {
    const auto backbone = stages::DescribeBackbone("efficientnet_lite0");
    const auto parameters = stages::ParametersOf(
        *backbone, static_cast<int>(backbone->layers.size()) - 1);
    std::size_t most = 0;
    for (const auto& parameter : parameters)
      most = std::max(most, Size(parameter));
    const std::vector<float> values(most, value);
    std::vector<stages::FloatTensor> tensors;
    for (const auto& parameter : parameters)
      tensors.push_back({parameter.name, parameter.shape,
                         std::span(values).first(Size(parameter))});
    const auto path = root_ / ("in" + std::to_string(value));
    std::ofstream(path) << stages::PackSafetensors(tensors, {});
    return path;
  }

  static std::size_t Size(const stages::Parameter& parameter) {
    std::size_t size = 1;
    for (const auto n : parameter.shape) size *= static_cast<std::size_t>(n);
    return size;
  }
};

TEST_F(WeightsFolderTest, ListsEveryDocumentedName) {
  const std::string table = WeightsTable(ListWeights());
  for (const char* name : {"resnet18 ", "densenet121", "mobilenet_v2",
                           "efficientnet_b0", "efficientnet_lite0", "vgg16 "})
    EXPECT_THAT(table, HasSubstr(name));
  EXPECT_THAT(table, ::testing::Not(HasSubstr("present")));
}

TEST_F(WeightsFolderTest, ImportedWeightsArePresentAndFound) {
  EXPECT_EQ(FindWeights("efficientnet_lite0").status().code(),
            StatusCode::kUnavailable);
  const auto path =
      ImportWeights(MakeWeights(1), "efficientnet_lite0", /*replace=*/false);
  ASSERT_TRUE(path.ok()) << path.status().ToString();
  EXPECT_EQ(*FindWeights("efficientnet_lite0"), *path);
  EXPECT_THAT(WeightsTable(ListWeights()), HasSubstr(path->string()));
}

TEST_F(WeightsFolderTest, OtherWeightsAreReplacedOnlyWhenAsked) {
  const std::string name = "efficientnet_lite0";
  const auto old_weights = MakeWeights(1);
  const auto new_weights = MakeWeights(2);
  ASSERT_TRUE(ImportWeights(old_weights, name, false).ok());
  EXPECT_TRUE(ImportWeights(old_weights, name, false).ok());
  EXPECT_EQ(ImportWeights(new_weights, name, false).status().code(),
            StatusCode::kInvalid);
  const auto path = ImportWeights(new_weights, name, true);
  ASSERT_TRUE(path.ok()) << path.status().ToString();
  EXPECT_EQ(DigestOfFile(*path)->Hex(), DigestOfFile(new_weights)->Hex());
}

TEST_F(WeightsFolderTest, WhatDoesNotFitIsNotCopied) {
  const auto path = MakeWeights(1);
  EXPECT_EQ(ImportWeights(path, "vgg16", false).status().code(),
            StatusCode::kInvalid);
  EXPECT_EQ(ImportWeights(path, "resnet18", false).status().code(),
            StatusCode::kInvalid);
  Put("text.safetensors", "no weights");
  EXPECT_EQ(
      ImportWeights(root_ / "text.safetensors", "efficientnet_lite0", false)
          .status()
          .code(),
      StatusCode::kInvalid);
  EXPECT_FALSE(std::filesystem::exists(root_ / "weights"));
}

TEST_F(WeightsFolderTest, UnknownNamesAreUsageErrorsAndMissingFilesAreNot) {
  EXPECT_EQ(ExitCodeOf(FindWeights("resnet19").status()), 2);
  EXPECT_EQ(ExitCodeOf(FindWeights("resnet18").status()), 4);
  EXPECT_EQ(ExitCodeOf(FindWeights("vgg16").status()), 4);
}

}  // namespace
}  // namespace besom::cli
