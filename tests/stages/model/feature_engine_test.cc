#include "stages/model/feature_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <typeindex>
#include <vector>

#include "pipeline/base/random.h"
#include "stages/model/backbone_catalog.h"
#include "stages/model/numerics_tag.h"
#include "stages/model/openvino_engine.h"
#include "stages/model/torch_engine.h"
#include "tests/stages/model/drawn_parameters.h"

namespace besom::stages {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

using Images = std::vector<std::vector<float>>;

std::vector<float> RandomImage(std::uint64_t number, int size) {
  KeyedRandom random(1, "image", {number});
  std::vector<float> image(static_cast<std::size_t>(size) * size * 3);
  for (float& value : image) value = static_cast<float>(random.Uniform(-2, 2));
  return image;
}

/// Rows of `images` in that order, computed in batches as the engine wants.
std::vector<float> Extract(FeatureEngine& engine, const Images& images) {
  const auto width = static_cast<std::size_t>(engine.dimension());
  const auto batch = static_cast<std::size_t>(engine.batch());
  const std::size_t numbers = engine.image_numbers();
  std::vector<float> input(batch * numbers, 0.5F);
  std::vector<float> rows(images.size() * width);
  for (std::size_t first = 0; first < images.size(); first += batch) {
    const std::size_t count = std::min(batch, images.size() - first);
    for (std::size_t i = 0; i < count; ++i)
      std::copy(images[first + i].begin(), images[first + i].end(),
                input.begin() + static_cast<std::ptrdiff_t>(i * numbers));
    EXPECT_TRUE(
        engine
            .Extract(static_cast<int>(count), input,
                     std::span(rows).subspan(first * width, count * width))
            .ok());
  }
  return rows;
}

/// An engine of this program, and what it runs.
struct Case {
  const char* engine;
  const char* backbone;
  const char* precision = "fp32";
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.engine << "/" << test.backbone << "/" << test.precision;
}

std::vector<const char*> BuiltEngines() {
  if (HasOpenVino()) return {"openvino", "libtorch"};
  return {"libtorch"};
}

std::vector<Case> CasesOf(std::initializer_list<const char*> backbones) {
  std::vector<Case> cases;
  for (const char* backbone : backbones)
    for (const char* engine : BuiltEngines())
      cases.push_back({engine, backbone});
  return cases;
}

/// bf16, where OpenVINO and the processor have it.
std::vector<Case> Bf16Cases() {
  if (!HasOpenVino() || Bf16InstructionSetClass().empty()) return {};
  return {{"openvino", "vgg16", "bf16"},
          {"openvino", "efficientnet_lite0", "bf16"}};
}

/// Files of drawn weights, each made once; removed at the end.
class DrawnFiles {
 public:
  ~DrawnFiles() {
    for (const auto& [name, path] : files_) std::filesystem::remove(path);
  }
  const Path& Of(const Backbone& backbone) {
    const auto [it, fresh] = files_.try_emplace(backbone.name);
    if (!fresh) return it->second;
    // Tests may run side by side in processes of their own.
    it->second = std::filesystem::temp_directory_path() /
                 ("bits_" + std::to_string(::getpid()) + "_" + backbone.name);
    const Status written =
        besom::testing::WriteDrawnParameters(backbone, it->second);
    EXPECT_TRUE(written.ok()) << written.ToString();
    return it->second;
  }

 private:
  std::map<std::string, Path> files_;
};

class FeatureEngineBitsTest : public ::testing::TestWithParam<Case> {
 protected:
  EngineSpec Spec() const {
    return {.backbone = backbone_.name,
            .weights = DrawnWeights(),
            .taps = {{"full", "flatten"}},
            .precision = GetParam().precision,
            .engine = GetParam().engine,
            .size = backbone_.input_size};
  }
  static Engines Make(const EngineSpec& spec, int lanes = 1) {
    auto engines = MakeFeatureEngines(spec, lanes);
    EXPECT_TRUE(engines.ok()) << engines.status().ToString();
    EXPECT_EQ(engines->size(), static_cast<std::size_t>(lanes));
    return *std::move(engines);
  }
  static std::vector<float> RowsOf(const EngineSpec& spec,
                                   const Images& images) {
    return Extract(*Make(spec).front(), images);
  }
  std::vector<float> Image(std::uint64_t number) const {
    return RandomImage(number, backbone_.input_size);
  }

  const Backbone backbone_ = DescribeBackbone(GetParam().backbone).value();

 private:
  const Path& DrawnWeights() const {
    static DrawnFiles files;
    return files.Of(backbone_);
  }
};

TEST_P(FeatureEngineBitsTest, ARowDependsOnItsImageAlone) {
  const Engines one = Make(Spec());
  FeatureEngine& engine = *one.front();
  const auto width = static_cast<std::size_t>(engine.dimension());
  Images images;
  const auto count = 2 * static_cast<std::uint64_t>(engine.batch()) + 1;
  for (std::uint64_t i = 0; i < count; ++i) images.push_back(Image(i));
  const std::vector<float> rows = Extract(engine, images);
  ASSERT_TRUE(
      std::any_of(rows.begin(), rows.end(), [](float x) { return x > 0; }));

  EngineSpec wider = Spec();
  for (wider.threads = 2; wider.threads <= 3; ++wider.threads)
    EXPECT_EQ(RowsOf(wider, images), rows) << wider.threads;

  const Images reversed(images.rbegin(), images.rend());
  const std::vector<float> backwards = Extract(engine, reversed);
  const std::vector<float> alone = Extract(engine, {images[1]});
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(),
                         rows.begin() + static_cast<std::ptrdiff_t>(width)));
  for (std::size_t i = 0; i < images.size(); ++i)
    EXPECT_EQ(std::memcmp(rows.data() + i * width,
                          backwards.data() + (images.size() - 1 - i) * width,
                          width * sizeof(float)),
              0)
        << "image " << i;
  EXPECT_NE(
      std::memcmp(rows.data(), rows.data() + width, width * sizeof(float)), 0);
}

class LanesTest : public FeatureEngineBitsTest {};

TEST_P(LanesTest, ComputeSideBySide) {
  const Images images = {Image(1), Image(2), Image(3)};
  const std::vector<float> rows = RowsOf(Spec(), images);
  const Engines lanes = Make(Spec(), 3);
  std::vector<std::vector<float>> found(lanes.size());
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < lanes.size(); ++i)
    threads.emplace_back([&, i] { found[i] = Extract(*lanes[i], images); });
  threads.clear();  // Joins.
  EXPECT_THAT(found, Each(rows));
}

TEST_P(FeatureEngineBitsTest, ATapHasTheBitsThatItHasAlone) {
  EngineSpec spec = Spec();
  spec.taps.clear();
  for (const Block& block : backbone_.blocks)
    spec.taps.push_back({block.name, "flatten"});
  spec.taps.push_back({"full", "max"});
  if (!SharesPasses(GetParam().precision)) {
    EXPECT_EQ(MakeFeatureEngine(spec).status().code(), StatusCode::kInvalid);
    return;
  }
  const Images images = {Image(1), Image(2), Image(3)};
  const std::vector<float> all = RowsOf(spec, images);
  const std::size_t width = all.size() / images.size();
  std::size_t offset = 0;
  for (std::size_t k = 0; k < spec.taps.size(); ++k) {
    const FeatureTap& tap = spec.taps[k];
    const auto own = static_cast<std::size_t>(
        FeatureDimension(backbone_, tap.cut, tap.pooling, spec.size).value());
    // An engine for each of many blocks would take long.
    if (k % 5 == 0 || k + 2 >= spec.taps.size()) {
      EngineSpec single = spec;
      single.taps = {tap};
      const std::vector<float> alone = RowsOf(single, images);
      ASSERT_EQ(alone.size(), own * images.size());
      for (std::size_t i = 0; i < images.size(); ++i)
        EXPECT_EQ(
            std::memcmp(alone.data() + i * own, all.data() + i * width + offset,
                        own * sizeof(float)),
            0)
            << tap.cut << ", image " << i;
    }
    offset += own;
  }
  EXPECT_EQ(offset, width);
}

/// Rows of bf16 are near those of fp32, and are not the same.
class Bf16Test : public FeatureEngineBitsTest {};

TEST_P(Bf16Test, IsRoundedFp32) {
  const Images images = {Image(1), Image(2)};
  EngineSpec spec = Spec();
  spec.weights.clear();  // Those drawn for the tests amplify all rounding.
  const std::vector<float> rows = RowsOf(spec, images);
  spec.precision = "fp32";
  const std::vector<float> exact = RowsOf(spec, images);
  float largest = 0, apart = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    largest = std::max(largest, std::abs(exact[i]));
    apart = std::max(apart, std::abs(rows[i] - exact[i]));
  }
  EXPECT_GT(apart, 0);
  EXPECT_LT(apart, 0.05F * largest);
}

/// Without batch norms and biases, which hide small numbers.
class DenormalsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(DenormalsTest, AreZeroForAnyThread) {
  for (const int threads : {1, 2}) {
    const auto engine = MakeFeatureEngine({.backbone = "vgg16",
                                           .taps = {{"full", "flatten"}},
                                           .engine = GetParam(),
                                           .size = 64,
                                           .threads = threads});
    ASSERT_TRUE(engine.ok());
    const Images images = {
        std::vector<float>((*engine)->image_numbers(), 1e-39F)};
    // On a thread that has not been told anything.
    std::vector<float> rows;
    std::jthread([&] { rows = Extract(**engine, images); }).join();
    EXPECT_THAT(rows, Each(0.0F)) << threads;
  }
}

// The others have no shapes that these have not.
INSTANTIATE_TEST_SUITE_P(
    AllBuilt, FeatureEngineBitsTest,
    ::testing::ValuesIn(CasesOf({"vgg16", "resnet18", "resnet50", "densenet121",
                                 "mobilenet_v2", "mobilenet_v3_large",
                                 "efficientnet_lite0", "efficientnet_lite1",
                                 "efficientnet_lite2", "efficientnet_b0",
                                 "convnext_tiny", "vit_b_16"})));
INSTANTIATE_TEST_SUITE_P(AllBuilt, LanesTest,
                         ::testing::ValuesIn(CasesOf({"vgg16", "densenet121",
                                                      "efficientnet_lite0"})));
INSTANTIATE_TEST_SUITE_P(Bf16, LanesTest, ::testing::ValuesIn(Bf16Cases()));
INSTANTIATE_TEST_SUITE_P(Bf16, FeatureEngineBitsTest,
                         ::testing::ValuesIn(Bf16Cases()));
INSTANTIATE_TEST_SUITE_P(Bf16, Bf16Test, ::testing::ValuesIn(Bf16Cases()));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Bf16Test);
INSTANTIATE_TEST_SUITE_P(AllBuilt, DenormalsTest,
                         ::testing::ValuesIn(BuiltEngines()));

class RefusalTest : public ::testing::TestWithParam<const char*> {
 protected:
  static StatusCode CodeOf(EngineSpec spec) {
    spec.engine = GetParam();
    return MakeFeatureEngine(spec).status().code();
  }
};

TEST_P(RefusalTest, WhatIsNotBuilt) {
  EXPECT_EQ(CodeOf({.backbone = "resnet19", .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(CodeOf({.backbone = "vit_b_16", .size = 225}),
            StatusCode::kInvalid);
  for (const char* precision : {"auto", "fp8"})
    EXPECT_EQ(
        CodeOf({.backbone = "vgg16", .precision = precision, .size = 224}),
        StatusCode::kInvalid);
  EXPECT_EQ(MakeTorchEngines(
                {.backbone = "vgg16", .precision = "bf16", .size = 224}, 1)
                .status()
                .code(),
            StatusCode::kInvalid);
  EXPECT_EQ(CodeOf({.backbone = "vgg16", .taps = {{"block9"}}, .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(CodeOf({.backbone = "vgg16", .device = "tpu", .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(CodeOf({.backbone = "vgg16", .size = 16}), StatusCode::kInvalid);
}

TEST_P(RefusalTest, MissingWeights) {
  const EngineSpec spec{.backbone = "vgg16",
                        .weights = "/nowhere/vgg16.safetensors",
                        .engine = GetParam(),
                        .size = 224};
  const Status status = MakeFeatureEngine(spec).status();
  EXPECT_THAT(status.ToString(), HasSubstr("/nowhere/vgg16.safetensors"));
}

INSTANTIATE_TEST_SUITE_P(AllBuilt, RefusalTest,
                         ::testing::ValuesIn(BuiltEngines()));

TEST(FeatureEngineTest, TheEngineIsTheOneThatTheTagNames) {
  EXPECT_EQ(EngineOf(NumericsTag("fp32")),
            HasOpenVino() ? "openvino" : "libtorch");
  // Rows would not tell: those of the two may be equal to the last bit.
  const auto type = [](const Result<Engines>& engines) -> std::type_index {
    EXPECT_TRUE(engines.ok()) << engines.status().ToString();
    const FeatureEngine& engine = *engines->front();
    return typeid(engine);
  };
  EngineSpec spec{.backbone = "efficientnet_lite0", .size = 64};
  std::map<std::string, std::type_index> expected = {
      {"libtorch", type(MakeTorchEngines(spec, 1))}};
  if (HasOpenVino())
    expected.emplace("openvino", type(MakeOpenVinoEngines(spec, 1)));
  for (const std::string& tag : OfferedNumerics("")) {
    spec.engine = EngineOf(tag);
    EXPECT_EQ(type(MakeFeatureEngines(spec, 1)), expected.at(spec.engine))
        << tag;
  }
  spec.engine = "abacus";
  EXPECT_EQ(MakeFeatureEngine(spec).status().code(), StatusCode::kInvalid);
}

TEST(FeatureEngineTest, OpenVinoIsForCpus) {
  const StatusCode code = MakeFeatureEngine({.backbone = "vgg16",
                                             .engine = "openvino",
                                             .device = "cuda:0",
                                             .size = 224})
                              .status()
                              .code();
  EXPECT_EQ(code,
            HasOpenVino() ? StatusCode::kInvalid : StatusCode::kUnavailable);
}

}  // namespace
}  // namespace besom::stages
