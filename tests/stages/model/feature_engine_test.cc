#include "stages/model/feature_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
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

namespace besom::stages {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

constexpr int kSize = 224;
constexpr std::size_t kNumbers = std::size_t{kSize} * kSize * 3;

using Images = std::vector<std::vector<float>>;

std::vector<float> RandomImage(std::uint64_t number) {
  KeyedRandom random(1, "image", {number});
  std::vector<float> image(kNumbers);
  for (float& value : image) value = static_cast<float>(random.Uniform(-2, 2));
  return image;
}

/// Rows of `images` in that order, computed in batches as the engine wants.
std::vector<float> Extract(FeatureEngine& engine, const Images& images) {
  const auto width = static_cast<std::size_t>(engine.dimension());
  const auto batch = static_cast<std::size_t>(engine.batch());
  std::vector<float> input(batch * kNumbers, 0.5F);
  std::vector<float> rows(images.size() * width);
  for (std::size_t first = 0; first < images.size(); first += batch) {
    const std::size_t count = std::min(batch, images.size() - first);
    for (std::size_t i = 0; i < count; ++i)
      std::copy(images[first + i].begin(), images[first + i].end(),
                input.begin() + static_cast<std::ptrdiff_t>(i * kNumbers));
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

class FeatureEngineBitsTest : public ::testing::TestWithParam<Case> {
 protected:
  static Engines Make(int threads, int lanes = 1) {
    // Random weights: what is tested here does not depend on their values.
    auto engines = MakeFeatureEngines({.backbone = GetParam().backbone,
                                       .taps = {{"full", "flatten"}},
                                       .precision = GetParam().precision,
                                       .engine = GetParam().engine,
                                       .size = kSize,
                                       .threads = threads},
                                      lanes);
    EXPECT_TRUE(engines.ok()) << engines.status().ToString();
    EXPECT_EQ(engines->size(), static_cast<std::size_t>(lanes));
    return *std::move(engines);
  }
};

TEST_P(FeatureEngineBitsTest, ARowDependsOnItsImageAlone) {
  const Engines one = Make(1);
  FeatureEngine& engine = *one.front();
  const auto width = static_cast<std::size_t>(engine.dimension());
  Images images;
  const auto count = 2 * static_cast<std::uint64_t>(engine.batch()) + 1;
  for (std::uint64_t i = 0; i < count; ++i) images.push_back(RandomImage(i));
  const std::vector<float> rows = Extract(engine, images);
  ASSERT_TRUE(
      std::any_of(rows.begin(), rows.end(), [](float x) { return x > 0; }));

  for (const int threads : {2, 3})
    EXPECT_EQ(Extract(*Make(threads).front(), images), rows) << threads;

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
}

TEST_P(FeatureEngineBitsTest, LanesComputeSideBySide) {
  const Images images = {RandomImage(1), RandomImage(2), RandomImage(3)};
  const std::vector<float> rows = Extract(*Make(1).front(), images);
  const Engines lanes = Make(1, 3);
  std::vector<std::vector<float>> found(lanes.size());
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < lanes.size(); ++i)
    threads.emplace_back([&, i] { found[i] = Extract(*lanes[i], images); });
  threads.clear();  // Joins.
  EXPECT_THAT(found, Each(rows));
}

TEST_P(FeatureEngineBitsTest, ATapHasTheBitsThatItHasAlone) {
  const Backbone backbone = DescribeBackbone(GetParam().backbone).value();
  std::vector<FeatureTap> taps;
  for (const Block& block : backbone.blocks)
    taps.push_back({block.name, "flatten"});
  taps.push_back({"full", "max"});
  if (!SharesPasses(GetParam().precision)) {
    EXPECT_EQ(MakeFeatureEngine({.backbone = GetParam().backbone,
                                 .taps = taps,
                                 .precision = GetParam().precision,
                                 .engine = GetParam().engine,
                                 .size = kSize})
                  .status()
                  .code(),
              StatusCode::kInvalid);
    return;
  }
  const Images images = {RandomImage(1), RandomImage(2), RandomImage(3)};
  const auto rows_of = [&](const std::vector<FeatureTap>& wanted) {
    const auto engine = MakeFeatureEngine({.backbone = GetParam().backbone,
                                           .taps = wanted,
                                           .precision = GetParam().precision,
                                           .engine = GetParam().engine,
                                           .size = kSize});
    EXPECT_TRUE(engine.ok()) << engine.status().ToString();
    return Extract(**engine, images);
  };
  const std::vector<float> all = rows_of(taps);
  const std::size_t width = all.size() / images.size();
  std::size_t offset = 0;
  for (const FeatureTap& tap : taps) {
    const std::vector<float> alone = rows_of({tap});
    const std::size_t own = alone.size() / images.size();
    for (std::size_t i = 0; i < images.size(); ++i)
      EXPECT_EQ(
          std::memcmp(alone.data() + i * own, all.data() + i * width + offset,
                      own * sizeof(float)),
          0)
          << tap.cut << ", image " << i;
    offset += own;
  }
  EXPECT_EQ(offset, width);
}

/// Rows of bf16 are near those of fp32, and are not the same.
class Bf16Test : public FeatureEngineBitsTest {};

TEST_P(Bf16Test, IsRoundedFp32) {
  const Images images = {RandomImage(1), RandomImage(2)};
  const std::vector<float> rows = Extract(*Make(1).front(), images);
  const auto engine = MakeFeatureEngine({.backbone = GetParam().backbone,
                                         .taps = {{"full", "flatten"}},
                                         .engine = GetParam().engine,
                                         .size = kSize});
  ASSERT_TRUE(engine.ok());
  const std::vector<float> exact = Extract(**engine, images);
  float largest = 0, apart = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    largest = std::max(largest, std::abs(exact[i]));
    apart = std::max(apart, std::abs(rows[i] - exact[i]));
  }
  EXPECT_GT(apart, 0);
  EXPECT_LT(apart, 0.05F * largest);
}

/// Without batch norms, which hide small numbers.
class DenormalsTest : public FeatureEngineBitsTest {};

TEST_P(DenormalsTest, AreZeroForAnyThread) {
  const Images images = {std::vector<float>(kNumbers, 1e-39F)};
  for (const int threads : {1, 2}) {
    const Engines engines = Make(threads);
    // On a thread that has not been told anything.
    std::vector<float> rows;
    std::jthread([&] { rows = Extract(*engines.front(), images); }).join();
    EXPECT_THAT(rows, Each(0.0F)) << threads;
  }
}

INSTANTIATE_TEST_SUITE_P(AllBuilt, FeatureEngineBitsTest,
                         ::testing::ValuesIn(CasesOf({"vgg16",
                                                      "efficientnet_lite0"})));
INSTANTIATE_TEST_SUITE_P(Bf16, FeatureEngineBitsTest,
                         ::testing::ValuesIn(Bf16Cases()));
INSTANTIATE_TEST_SUITE_P(Bf16, Bf16Test, ::testing::ValuesIn(Bf16Cases()));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Bf16Test);
INSTANTIATE_TEST_SUITE_P(Vgg16, DenormalsTest,
                         ::testing::ValuesIn(CasesOf({"vgg16"})));

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
