#include "pipeline/cli/machine/weights_import.h"

#include <gmock/gmock.h>

#include "stages/model/weights_store.h"
#include "tests/pipeline/cli/machine/small_weights.h"

namespace besom::cli {
namespace {

using ::testing::HasSubstr;

class WeightsImportTest : public besom::testing::WeightsTree {
 protected:
  /// EfficientNet-Lite0, all `value`, outside of the weights folder.
  std::filesystem::path MakeLite0(
      float value, const std::map<std::string, std::string>& metadata = {}) {
    return MakeWeights("in" + std::to_string(value) + ".safetensors",
                       "efficientnet_lite0", value, metadata);
  }

  Result<ImportedWeights> Import(const ImportOptions& options) {
    return ImportWeights(options, registry_);
  }
  std::string ErrorOf(const ImportOptions& options) {
    const auto imported = Import(options);
    return imported.ok() ? "ok" : imported.status().ToString();
  }

  stages::WeightsRegistry registry_ = stages::WeightsRegistry::Load().value();
};

TEST_F(WeightsImportTest, TheBackboneIsTheOnlyOneThatFits) {
  const auto imported = Import({.file = MakeLite0(1, {{"license", "mine"}})});
  ASSERT_TRUE(imported.ok()) << imported.status().ToString();
  EXPECT_EQ(imported->backbone, "efficientnet_lite0");
  const auto found = stages::ResolveWeights("efficientnet_lite0", "imagenet");
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(found->path, imported->path);
  EXPECT_EQ(found->license, "mine");
  EXPECT_EQ(found->entry, "");
}

TEST_F(WeightsImportTest, OtherWeightsAreReplacedOnlyWhenAsked) {
  const auto old_weights = MakeLite0(1);
  const auto new_weights = MakeLite0(2);
  ASSERT_EQ(ErrorOf({.file = old_weights}), "ok");
  EXPECT_EQ(ErrorOf({.file = old_weights}), "ok");
  EXPECT_THAT(ErrorOf({.file = new_weights}), HasSubstr("--replace"));
  const auto path = stages::WeightsPath("efficientnet_lite0");
  const auto before = DigestOfFile(path)->Hex();
  EXPECT_EQ(ErrorOf({.file = new_weights, .replace = true}), "ok");
  EXPECT_NE(DigestOfFile(path)->Hex(), before);
}

TEST_F(WeightsImportTest, ANameOfOnesOwn) {
  const auto imported =
      Import({.file = MakeLite0(1),
              .name = "efficientnet_lite0.mine-2",
              .preprocessing = R"({"mean": [1, 2, 3], "range": 255})",
              .license = "CC0"});
  ASSERT_TRUE(imported.ok()) << imported.status().ToString();
  const auto found =
      stages::ResolveWeights("efficientnet_lite0", "efficientnet_lite0.mine-2");
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(found->preprocessing.mean[1], 2);
  EXPECT_EQ(found->preprocessing.range, 255);
  EXPECT_EQ(found->license, "CC0");
  EXPECT_FALSE(stages::ResolveWeights("efficientnet_lite0", "imagenet").ok());
}

TEST_F(WeightsImportTest, NamesThatMeanSomethingElseAreRefused) {
  const auto file = MakeLite0(1);
  for (const char* name :
       {"../out", "efficientnet_lite0./b", ".hidden", "imagenet", "random",
        "vgg16", "vgg16.keras", "efficientnet_lite0.a b", "efficientnet_lite0.",
        "efficientnet_lite0.safetensors", "efficientnet_lite0.tf_in1k"})
    EXPECT_THAT(ErrorOf({.file = file, .name = name}), HasSubstr("--name"))
        << name;
  EXPECT_THAT(ErrorOf({.file = file,
                       .name = "efficientnet_lite0." + std::string(99, 'a')}),
              HasSubstr("--name"));
  EXPECT_THAT(ErrorOf({.file = file, .preprocessing = "odd"}),
              HasSubstr("--preprocessing"));
  EXPECT_TRUE(std::filesystem::is_empty(root_ / "weights"));
}

TEST_F(WeightsImportTest, APublishedFileIsKnownByItsDigest) {
  const auto file = MakeLite0(1);
  const Json entry = {{"name", "efficientnet_lite0.friend"},
                      {"backbone", "efficientnet_lite0"},
                      {"publisher", "a friend"},
                      {"url", "https://x.example/lite0.safetensors"},
                      {"sha256_prefix", DigestOfFile(file)->Hex().substr(0, 8)},
                      {"preprocessing", "caffe"},
                      {"input_size", 224},
                      {"license", "CC0"},
                      {"citation", "a friend"}};
  registry_ =
      stages::WeightsRegistry::Parse(Json::array({entry}).dump(), "r").value();
  const auto imported = Import({.file = file});
  ASSERT_TRUE(imported.ok()) << imported.status().ToString();
  EXPECT_EQ(imported->entry, "efficientnet_lite0.friend");
  EXPECT_EQ(imported->path, stages::WeightsPath("efficientnet_lite0.friend"));
  const auto found =
      stages::ResolveWeights("efficientnet_lite0", imported->path.string());
  EXPECT_EQ(found->preprocessing, stages::Preprocessing::Caffe());
  EXPECT_EQ(found->source, "https://x.example/lite0.safetensors");
  EXPECT_THAT(ErrorOf({.file = file, .architecture = "vgg16"}),
              HasSubstr("of efficientnet_lite0 and not of vgg16"));
}

TEST_F(WeightsImportTest, WhatDoesNotFitIsNamedAndNotWritten) {
  const auto path = MakeLite0(1);
  const std::string other = ErrorOf({.file = path, .architecture = "vgg16"});
  EXPECT_THAT(other, HasSubstr("26 missing (features.0.weight,"));
  EXPECT_THAT(other, HasSubstr("left over"));
  EXPECT_EQ(ErrorOf({.file = path, .architecture = "alexnet"}).find("ok"),
            std::string::npos);
  Put("text.safetensors", "no weights");
  EXPECT_THAT(ErrorOf({.file = root_ / "text.safetensors"}),
              HasSubstr("cut short"));
  EXPECT_THAT(ErrorOf({.file = root_ / "nowhere.pth"}), HasSubstr("nowhere"));
  EXPECT_THAT(ErrorOf({.file = root_}), HasSubstr(root_.string()));
  EXPECT_THAT(ErrorOf({.file = MakeLite0(NAN)}), HasSubstr("not finite"));
  EXPECT_TRUE(std::filesystem::is_empty(root_ / "weights"));
}

}  // namespace
}  // namespace besom::cli
