#include "pipeline/cli/machine/weights_import.h"

#include <gmock/gmock.h>

#include "stages/model/weights_store.h"
#include "tests/pipeline/cli/machine/small_weights.h"

namespace besom::cli {
namespace {

class WeightsImportTest : public besom::testing::WeightsTree {
 protected:
  /// EfficientNet-Lite0, all `value`, outside of the weights folder.
  std::filesystem::path MakeLite0(float value) {
    return MakeWeights("in" + std::to_string(value), "efficientnet_lite0",
                       value);
  }
};

TEST_F(WeightsImportTest, ImportedWeightsAreFound) {
  const auto path =
      ImportWeights(MakeLite0(1), "efficientnet_lite0", /*replace=*/false);
  ASSERT_TRUE(path.ok()) << path.status().ToString();
  EXPECT_EQ(stages::ResolveWeights("efficientnet_lite0", "imagenet")->path,
            *path);
}

TEST_F(WeightsImportTest, OtherWeightsAreReplacedOnlyWhenAsked) {
  const std::string name = "efficientnet_lite0";
  const auto old_weights = MakeLite0(1);
  const auto new_weights = MakeLite0(2);
  ASSERT_TRUE(ImportWeights(old_weights, name, false).ok());
  EXPECT_TRUE(ImportWeights(old_weights, name, false).ok());
  EXPECT_EQ(ImportWeights(new_weights, name, false).status().code(),
            StatusCode::kInvalid);
  const auto path = ImportWeights(new_weights, name, true);
  ASSERT_TRUE(path.ok()) << path.status().ToString();
  EXPECT_EQ(DigestOfFile(*path)->Hex(), DigestOfFile(new_weights)->Hex());
}

TEST_F(WeightsImportTest, WhatDoesNotFitIsNotCopied) {
  const auto path = MakeLite0(1);
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
  EXPECT_TRUE(std::filesystem::is_empty(root_ / "weights"));
}

}  // namespace
}  // namespace besom::cli
