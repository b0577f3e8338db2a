#include "stages/model/weights_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "stages/model/backbone_catalog.h"

namespace besom::stages {
namespace {

using ::testing::HasSubstr;

/// An empty weights folder of its own for each test.
class WeightsStoreTest : public ::testing::Test {
 protected:
  WeightsStoreTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "besom-weights-XXXXXX")
            .string();
    folder_ = ::mkdtemp(pattern.data());
    ::setenv("BESOM_WEIGHTS", folder_.c_str(), 1);
  }
  ~WeightsStoreTest() override {
    ::unsetenv("BESOM_WEIGHTS");
    std::filesystem::remove_all(folder_);
  }

  /// Writes a file with every parameter of VGG16's base (all zero) except the
  /// last `missing` ones.
  Path WriteVgg16(const std::string& name,
                  const std::map<std::string, std::string>& metadata,
                  std::size_t missing = 0) {
    const Backbone vgg = DescribeBackbone("vgg16").value();
    auto parameters =
        ParametersOf(vgg, static_cast<int>(vgg.layers.size()) - 1);
    parameters.resize(parameters.size() - missing);
    const std::vector<float> zeros(512 * 512 * 9);
    std::vector<FloatTensor> tensors;
    for (const Parameter& parameter : parameters) {
      std::size_t count = 1;
      for (const auto side : parameter.shape)
        count *= static_cast<std::size_t>(side);
      tensors.push_back(
          {parameter.name, parameter.shape, std::span(zeros).first(count)});
    }
    const Path path = folder_ / name;
    EXPECT_TRUE(WriteFileAtomic(path, PackSafetensors(tensors, metadata)).ok());
    return path;
  }

  Path folder_;
};

TEST_F(WeightsStoreTest, RandomNeedsNoFile) {
  const auto info = ResolveWeights("efficientnet_lite0", "random");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->digest, "random");
  EXPECT_TRUE(info->path.empty());
  EXPECT_EQ(info->preprocessing, Preprocessing::PlusMinusOne());
}

TEST_F(WeightsStoreTest, FindsPretrainedWeightsInTheFolder) {
  const Path path = WriteVgg16("vgg16.safetensors", {{"license", "CC BY 4.0"}});
  const auto info = ResolveWeights("vgg16", "imagenet");
  ASSERT_TRUE(info.ok()) << info.status().ToString();
  EXPECT_EQ(info->path, path);
  EXPECT_EQ(info->digest, DigestOfFile(path)->Hex());
  EXPECT_EQ(info->license, "CC BY 4.0");
  EXPECT_EQ(info->preprocessing, Preprocessing::Torchvision());
}

TEST_F(WeightsStoreTest, MetadataDecidesThePreprocessing) {
  const Path keras = WriteVgg16("keras.safetensors", {{"preprocess", "caffe"}});
  EXPECT_EQ(ResolveWeights("vgg16", keras.string())->preprocessing,
            Preprocessing::Caffe());
  const Path own = WriteVgg16(
      "own.safetensors",
      {{"preprocessing", Preprocessing::PlusMinusOne().ToJson().dump()}});
  EXPECT_EQ(ResolveWeights("vgg16", own.string())->preprocessing,
            Preprocessing::PlusMinusOne());
  const Path odd = WriteVgg16("odd.safetensors", {{"preprocess", "odd"}});
  const auto refused = ResolveWeights("vgg16", odd.string());
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.status().place(), HasSubstr("odd.safetensors"));
}

TEST_F(WeightsStoreTest, AsksTheCallersDigestFirst) {
  WriteVgg16("vgg16.safetensors", {});
  const auto info = ResolveWeights(
      "vgg16", "imagenet",
      [](const Path&) -> Result<Digest> { return DigestOf("remembered"); });
  EXPECT_EQ(info->digest, DigestOf("remembered").Hex());
}

TEST_F(WeightsStoreTest, MissingPretrainedWeightsSayWhereTheyBelong) {
  const auto info = ResolveWeights("vgg16", "imagenet");
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(info.status().cause(),
              HasSubstr((folder_ / "vgg16.safetensors").string()));
  EXPECT_EQ(info.status().cure(), "besom weights fetch vgg16");
}

TEST_F(WeightsStoreTest, NamesOfTheRegistryAreFound) {
  const std::string keras = "vgg16.keras";
  const auto missing = ResolveWeights("vgg16", keras);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(missing.status().cure(), "besom weights fetch vgg16.keras");
  const auto registry = WeightsRegistry::Load().value();
  const std::string source = registry.Find(keras)->source();
  const Path usual = WriteVgg16("vgg16.safetensors", {{"source", source}});
  EXPECT_EQ(ResolveWeights("vgg16", keras)->path, usual);
  EXPECT_EQ(ResolveWeights("vgg16", "imagenet")->entry, keras);
  EXPECT_FALSE(ResolveWeights("vgg16", "vgg16.imagenet1k_v1").ok());
  const Path own = WriteVgg16("vgg16.keras.safetensors", {{"source", source}});
  EXPECT_EQ(ResolveWeights("vgg16", keras)->path, own);
  EXPECT_EQ(ResolveWeights("vgg16", "imagenet")->path, usual);
}

TEST_F(WeightsStoreTest, NamesThatMeanNothingHereAreUsageErrors) {
  const auto other = ResolveWeights("efficientnet_lite0", "vgg16.keras");
  EXPECT_EQ(other.status().code(), StatusCode::kInvalid);
  EXPECT_THAT(other.status().cause(), HasSubstr("is of vgg16"));
  const auto unknown = ResolveWeights("vgg16", "vgg16.kears");
  EXPECT_EQ(unknown.status().code(), StatusCode::kInvalid);
  EXPECT_THAT(unknown.status().cure(), HasSubstr("vgg16.keras"));
  const Path tuned = WriteVgg16("tuned.safetensors", {});
  EXPECT_EQ(ResolveWeights("vgg16", "tuned")->path, tuned);
  EXPECT_EQ(ResolveWeights("vgg16", "tuned")->entry, "");
}

TEST_F(WeightsStoreTest, FilesThatDoNotFitAreRefused) {
  const Path partial = WriteVgg16("partial.safetensors", {}, 1);
  const auto info = ResolveWeights("vgg16", partial.string());
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.status().code(), StatusCode::kInvalid);
  EXPECT_THAT(info.status().cause(), HasSubstr("features.28.bias is missing"));
  EXPECT_FALSE(ResolveWeights("efficientnet_lite0", partial.string()).ok());
  const Path text = folder_ / "weights.pth";
  ASSERT_TRUE(WriteFileAtomic(text, "not weights at all").ok());
  EXPECT_EQ(ResolveWeights("vgg16", text.string()).status().code(),
            StatusCode::kInvalid);
  EXPECT_EQ(ResolveWeights("vgg16", "/nowhere/x.safetensors").status().code(),
            StatusCode::kInvalid);
}

}  // namespace
}  // namespace besom::stages
