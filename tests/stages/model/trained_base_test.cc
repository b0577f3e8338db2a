#include "stages/model/trained_base.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "pipeline/base/random.h"
#include "stages/model/backbone_catalog.h"

namespace besom::stages {
namespace {

using ::testing::HasSubstr;

/// Images of 64 x 64 pixels, where the backbone takes them.
int SizeOf(std::string_view backbone) {
  return backbone == "vit_b_16" ? 224 : 64;
}

struct Case {
  const char* backbone;
  const char* unfreeze;
  BatchNormMode batch_norm = BatchNormMode::kAffine;
  const char* pooling = "average";
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.backbone << " from " << test.unfreeze << ", mode "
       << static_cast<int>(test.batch_norm) << ", " << test.pooling;
}

std::vector<float> Random(std::size_t count, std::uint64_t number) {
  KeyedRandom random(1, "numbers", {number});
  std::vector<float> numbers(count);
  for (float& value : numbers)
    value = static_cast<float>(random.Uniform(-1, 1));
  return numbers;
}

class TrainedBaseTest : public ::testing::TestWithParam<Case> {
 protected:
  static std::unique_ptr<TrainedBase> Make(int threads = 1) {
    auto base = MakeTrainedBase({.backbone = GetParam().backbone,
                                 .unfreeze = GetParam().unfreeze,
                                 .tap = {"full", GetParam().pooling},
                                 .batch_norm = GetParam().batch_norm,
                                 .size = SizeOf(GetParam().backbone),
                                 .threads = threads});
    EXPECT_TRUE(base.ok()) << base.status().ToString();
    return *std::move(base);
  }
  /// Maps at the edge, the same ones each time.
  static std::vector<std::vector<float>> Maps(const TrainedBase& base,
                                              std::size_t count) {
    std::vector<std::vector<float>> maps;
    for (std::size_t i = 0; i < count; ++i)
      maps.push_back(Random(static_cast<std::size_t>(base.map_numbers()), i));
    return maps;
  }
  static std::vector<const float*> Pointers(
      const std::vector<std::vector<float>>& maps) {
    std::vector<const float*> pointers;
    for (const auto& map : maps) pointers.push_back(map.data());
    return pointers;
  }
};

/// What a step on a batch gives.
struct StepNumbers {
  std::vector<float> features, gradients, statistics;
  bool operator==(const StepNumbers&) const = default;
};

StepNumbers StepOn(TrainedBase& base, const std::vector<const float*>& maps) {
  StepNumbers numbers;
  const auto width = static_cast<std::size_t>(base.dimension());
  numbers.features.resize(maps.size() * width);
  numbers.gradients.resize(base.learned_numbers());
  EXPECT_TRUE(base.Forward(0, maps, numbers.features).ok());
  const std::vector<float> by_features = Random(numbers.features.size(), 99);
  EXPECT_TRUE(base.Backward(0, by_features, numbers.gradients).ok());
  for (const BaseTensor& tensor : base.tensors())
    if (!tensor.learned)
      numbers.statistics.insert(numbers.statistics.end(), tensor.values.begin(),
                                tensor.values.end());
  return numbers;
}

TEST_P(TrainedBaseTest, AStepsBitsDoNotDependOnThreads) {
  const auto one = Make();
  const auto maps = Maps(*one, 11);
  const StepNumbers numbers = StepOn(*one, Pointers(maps));
  EXPECT_TRUE(
      std::ranges::any_of(numbers.gradients, [](float g) { return g != 0; }));
  for (const int threads : {2, 3, 8}) {
    const auto several = Make(threads);
    EXPECT_EQ(StepOn(*several, Pointers(maps)), numbers) << threads;
  }
}

TEST_P(TrainedBaseTest, EvaluationOfARowDependsOnItsMapAlone) {
  const auto base = Make(2);
  const auto maps = Maps(*base, 6);
  const auto width = static_cast<std::size_t>(base->dimension());
  std::vector<float> all(maps.size() * width), alone(width);
  ASSERT_TRUE(base->Evaluate(Pointers(maps), all).ok());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    ASSERT_TRUE(base->Evaluate(std::vector{maps[i].data()}, alone).ok());
    EXPECT_EQ(std::memcmp(alone.data(), all.data() + i * width,
                          width * sizeof(float)),
              0)
        << i;
  }
}

// The slope of the sum of the features' products with fixed numbers.
TEST_P(TrainedBaseTest, GradientsAreTheSlopes) {
  const auto base = Make();
  const auto maps = Maps(*base, 3);
  std::vector<float> features(maps.size() *
                              static_cast<std::size_t>(base->dimension()));
  const std::vector<float> by_features = Random(features.size(), 99);
  double magnitude = 0;
  const auto value = [&] {
    EXPECT_TRUE(base->Forward(1, Pointers(maps), features).ok());
    double sum = 0;
    magnitude = 0;
    for (std::size_t i = 0; i < features.size(); ++i) {
      sum += double{features[i]} * by_features[i];
      magnitude += std::abs(double{features[i]} * by_features[i]);
    }
    return sum;
  };
  value();
  std::vector<float> gradients(base->learned_numbers());
  ASSERT_TRUE(base->Backward(1, by_features, gradients).ok());
  // Along the gradient of one tensor at a time, where it is steepest.
  std::size_t offset = 0, looked_at = 0;
  for (const BaseTensor& tensor : base->tensors()) {
    if (!tensor.learned) continue;
    const std::span<const float> slope =
        std::span(gradients).subspan(offset, tensor.values.size());
    offset += tensor.values.size();
    double square = 0, weight = 0;
    for (std::size_t i = 0; i < slope.size(); ++i) {
      square += double{slope[i]} * slope[i];
      weight += double{tensor.values[i]} * tensor.values[i];
    }
    const double step =
        2e-4 * std::sqrt(std::max(weight, 1.0)) / std::sqrt(square);
    // Where the change drowns in the features' rounding, nothing is seen (a
    // block of ConvNeXt adds little of itself).
    if (square == 0 || step * square < 1e-5 * magnitude || ++looked_at > 6)
      continue;
    const std::vector<float> before(tensor.values.begin(), tensor.values.end());
    const auto moved = [&](double by) {
      for (std::size_t i = 0; i < slope.size(); ++i)
        tensor.values[i] = static_cast<float>(before[i] + by * slope[i]);
      const double result = value();
      std::ranges::copy(before, tensor.values.begin());
      return result;
    };
    const double found = (moved(step) - moved(-step)) / (2 * step);
    EXPECT_NEAR(found / square, 1, 0.05) << tensor.parameter.name;
  }
  EXPECT_GT(looked_at, 0U);
}

TEST_P(TrainedBaseTest, WhatIsNotLearnedIsAsItsModeSays) {
  const auto base = Make();
  const auto maps = Maps(*base, 5);
  const Backbone backbone = DescribeBackbone(GetParam().backbone).value();
  std::set<std::string> norms;
  for (const Layer& layer : backbone.layers)
    if (layer.kind == LayerKind::kBatchNorm) norms.insert(layer.name + ".bias");
  std::vector<float> before;
  bool norms_learned = false;
  for (const BaseTensor& tensor : base->tensors()) {
    const std::string& name = tensor.parameter.name;
    if (!tensor.learned)
      before.insert(before.end(), tensor.values.begin(), tensor.values.end());
    norms_learned = norms_learned || (tensor.learned && norms.contains(name));
    if (name.find("running_") != std::string::npos) {
      EXPECT_FALSE(tensor.learned) << name;
    }
  }
  const StepNumbers numbers = StepOn(*base, Pointers(maps));
  const bool moves =
      GetParam().batch_norm == BatchNormMode::kBatch && !before.empty();
  EXPECT_EQ(numbers.statistics != before, moves);
  if (!before.empty()) {
    EXPECT_EQ(norms_learned, GetParam().batch_norm != BatchNormMode::kFrozen);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, TrainedBaseTest,
    ::testing::Values(
        Case{"vgg16", "block5"},
        Case{"vgg16", "block4", BatchNormMode::kAffine, "max"},
        Case{"vgg16", "block5", BatchNormMode::kAffine, "flatten"},
        Case{"efficientnet_lite0", "block6"},
        Case{"efficientnet_lite0", "block6", BatchNormMode::kFrozen},
        Case{"efficientnet_lite0", "block6", BatchNormMode::kBatch},
        Case{"efficientnet_lite0", "all"},
        Case{"resnet18", "layer4", BatchNormMode::kBatch},
        Case{"densenet121", "denseblock4"},
        Case{"mobilenet_v3_large", "block6", BatchNormMode::kFrozen},
        Case{"efficientnet_b0", "block7", BatchNormMode::kBatch},
        Case{"convnext_tiny", "block4"}, Case{"vit_b_16", "block12"}));

/// The whole base of random weights, trained part and frozen part.
TEST(TrainedBasePartsTest, FrozenAndTrainedPartMakeTheBase) {
  for (const auto& [name, unfreeze] : {std::pair{"efficientnet_lite0", "all"},
                                       {"efficientnet_lite0", "stem"},
                                       {"efficientnet_lite0", "block4"},
                                       {"efficientnet_lite0", "head"},
                                       {"vgg11_bn", "block3"},
                                       {"resnet50", "layer3"},
                                       {"densenet121", "denseblock3"},
                                       {"mobilenet_v2", "block5"},
                                       {"mobilenet_v3_large", "block4"},
                                       {"efficientnet_b0", "block5"},
                                       {"convnext_tiny", "block3"},
                                       {"convnext_tiny", "head"},
                                       {"vit_b_16", "block9"},
                                       {"vit_b_16", "head"}}) {
    const int size = SizeOf(name);
    const Backbone backbone = DescribeBackbone(name).value();
    const FeatureTap edge = EdgeOf(backbone, unfreeze, "full").value();
    const FeatureTap full;
    const auto engine = MakeFeatureEngine(
        {.backbone = backbone.name, .taps = {edge, full}, .size = size});
    ASSERT_TRUE(engine.ok()) << engine.status().ToString();
    const auto images = static_cast<std::size_t>((*engine)->batch());
    const auto width = static_cast<std::size_t>((*engine)->dimension());
    const std::vector<float> input =
        Random(images * (*engine)->image_numbers(), 5);
    std::vector<float> rows(images * width);
    ASSERT_TRUE((*engine)->Extract(static_cast<int>(images), input, rows).ok());
    const auto base = MakeTrainedBase(
        {.backbone = backbone.name, .unfreeze = unfreeze, .size = size});
    ASSERT_TRUE(base.ok()) << base.status().ToString();
    const auto map = static_cast<std::size_t>((*base)->map_numbers());
    const auto dimension = static_cast<std::size_t>((*base)->dimension());
    ASSERT_EQ(map + dimension, width);
    std::vector<float> features(dimension);
    ASSERT_TRUE((*base)
                    ->Evaluate(std::vector<const float*>{rows.data()}, features)
                    .ok());
    float largest = 0, apart = 0;
    for (std::size_t i = 0; i < dimension; ++i) {
      largest = std::max(largest, std::abs(features[i]));
      apart = std::max(apart, std::abs(features[i] - rows[map + i]));
    }
    EXPECT_GT(largest, 0);
    EXPECT_LT(apart, 1e-4F * largest) << name << " " << unfreeze;
  }
}

TEST(TrainedBasePartsTest, BlocksThatAreNotThereAreRefused) {
  const auto refused = [](TrainedBaseSpec spec) {
    spec.backbone = "vgg16";
    spec.size = SizeOf(spec.backbone);
    const auto base = MakeTrainedBase(spec);
    EXPECT_EQ(base.status().code(), StatusCode::kInvalid);
    return base.status().ToString();
  };
  EXPECT_THAT(refused({.unfreeze = "block9"}), HasSubstr("block5, all, none"));
  EXPECT_THAT(refused({.unfreeze = "block5", .tap = {"block4"}}),
              HasSubstr("cut off after block4, before block5"));
  EXPECT_THAT(refused({.unfreeze = "block5", .tap = {"block7"}}),
              HasSubstr("block7"));
}

}  // namespace
}  // namespace besom::stages
