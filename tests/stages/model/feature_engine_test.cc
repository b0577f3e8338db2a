#include "stages/model/feature_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "pipeline/base/random.h"
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

/// An engine of this program, whether it is the default or not.
struct Case {
  const char* name;
  Result<Engines> (*make)(const EngineSpec&, int);
  const char* backbone;
  const char* precision;
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name << "/" << test.precision << "/" << test.backbone;
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const char* backbone : {"vgg16", "efficientnet_lite0"}) {
    cases.push_back({"libtorch", MakeTorchEngines, backbone, "fp32"});
    if (!HasOpenVino()) continue;
    cases.push_back({"openvino", MakeOpenVinoEngines, backbone, "fp32"});
    if (HasNativeBf16())
      cases.push_back({"openvino", MakeOpenVinoEngines, backbone, "bf16"});
  }
  return cases;
}

class FeatureEngineBitsTest : public ::testing::TestWithParam<Case> {
 protected:
  static Engines Make(int threads, int lanes = 1) {
    // Random weights: what is tested here does not depend on their values.
    auto engines = GetParam().make({.backbone = GetParam().backbone,
                                    .pooling = "flatten",
                                    .precision = GetParam().precision,
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

TEST_P(FeatureEngineBitsTest, DenormalNumbersAreZeroForAnyThread) {
  if (std::string(GetParam().backbone) != "vgg16")
    GTEST_SKIP() << "batch norms hide small numbers";
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
                         ::testing::ValuesIn(Cases()));

StatusCode CodeOf(const EngineSpec& spec) {
  return MakeFeatureEngine(spec).status().code();
}

TEST(FeatureEngineTest, RefusesWhatIsNotBuilt) {
  EXPECT_EQ(CodeOf({.backbone = "resnet18", .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(CodeOf({.backbone = "vgg16", .precision = "fp8", .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(CodeOf({.backbone = "vgg16", .precision = "auto", .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(CodeOf({.backbone = "vgg16", .cut = "block9", .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(CodeOf({.backbone = "vgg16", .device = "tpu", .size = 224}),
            StatusCode::kInvalid);
  EXPECT_EQ(CodeOf({.backbone = "vgg16", .size = 16}), StatusCode::kInvalid);
}

TEST(FeatureEngineTest, Bf16IsRefusedWhereItIsNotNative) {
  ::setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE", 1);
  const Status status =
      MakeFeatureEngine({.backbone = "vgg16", .precision = "bf16", .size = 224})
          .status();
  ::unsetenv("ONEDNN_MAX_CPU_ISA");
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("model.precision"));
  EXPECT_THAT(status.ToString(), HasSubstr("use fp32"));
}

TEST(FeatureEngineTest, TheEngineIsTheOneThatTheTagNames) {
  const bool openvino =
      NumericsTag("fp32").find("/openvino-") != std::string::npos;
  EXPECT_EQ(openvino, HasOpenVino());
  const EngineSpec spec{
      .backbone = "efficientnet_lite0", .cut = "stem", .size = 64};
  const auto rows = [&](Result<Engines> engines) {
    FeatureEngine& engine = *engines.value().front();
    std::vector<float> input(engine.image_numbers() *
                             static_cast<std::size_t>(engine.batch()));
    const std::vector<float> image = RandomImage(0);
    std::copy_n(image.begin(), engine.image_numbers(), input.begin());
    std::vector<float> found(static_cast<std::size_t>(engine.dimension()));
    EXPECT_TRUE(engine.Extract(1, input, found).ok());
    return found;
  };
  EXPECT_EQ(rows(MakeFeatureEngines(spec, 1)),
            rows(openvino ? MakeOpenVinoEngines(spec, 1)
                          : MakeTorchEngines(spec, 1)));
}

TEST(FeatureEngineTest, MissingOrForeignWeightsAreAnError) {
  for (const auto& make : {MakeTorchEngines, MakeFeatureEngines})
    EXPECT_FALSE(make({.backbone = "vgg16",
                       .weights = "/nowhere/vgg16.safetensors",
                       .size = 224},
                      1)
                     .ok());
}

}  // namespace
}  // namespace besom::stages
