#include "stages/model/openvino_network.h"

#include <gtest/gtest.h>

#include <cstring>
#include <openvino/runtime/core.hpp>
#include <vector>

#include "pipeline/base/random.h"
#include "stages/model/numerics_tag.h"

namespace besom::stages {
namespace {

constexpr int kSize = 96;
constexpr std::size_t kNumbers = std::size_t{kSize} * kSize * 3;
constexpr int kImages = 32;

struct Case {
  const char* backbone;
  bool bf16;
};

std::vector<float> RandomImages() {
  KeyedRandom random(1, "images");
  std::vector<float> images(kImages * kNumbers);
  for (float& value : images) value = static_cast<float>(random.Uniform(-2, 2));
  return images;
}

/// The last maps of the images, `batch` at a time on `streams` streams.
std::vector<float> Maps(const Case& test, int batch, int streams, int threads) {
  const Backbone backbone = DescribeBackbone(test.backbone).value();
  const FoldedNetwork network =
      FoldNetwork(backbone, CutLayer(backbone, "full").value(),
                  RandomParameters(0, backbone.name))
          .value();
  static ov::Core core;
  ov::CompiledModel compiled = core.compile_model(
      BuildOpenVinoModel(network, batch, {3, kSize, kSize}), "CPU",
      {ov::hint::inference_precision(test.bf16 ? ov::element::bf16
                                               : ov::element::f32),
       ov::num_streams(ov::streams::Num(streams)),
       ov::inference_num_threads(threads)});
  std::vector<float> images = RandomImages(), maps;
  ov::InferRequest request = compiled.create_infer_request();
  for (int first = 0; first < kImages; first += batch) {
    request.set_input_tensor(
        ov::Tensor(compiled.input(), images.data() + first * kNumbers));
    request.infer();
    const ov::Tensor output = request.get_output_tensor();
    const auto* numbers = output.data<const float>();
    maps.insert(maps.end(), numbers, numbers + output.get_size());
  }
  return maps;
}

class OpenVinoBitsTest : public ::testing::TestWithParam<Case> {};

// So the engine's batch is free to change without new rows.
TEST_P(OpenVinoBitsTest, DoNotDependOnBatchStreamsOrThreads) {
  if (GetParam().bf16 && !HasNativeBf16()) GTEST_SKIP() << "no bf16 here";
  const std::vector<float> maps = Maps(GetParam(), 1, 1, 1);
  for (const int batch : {2, 8, 32})
    for (const int threads : {1, 2}) {
      const std::vector<float> others =
          Maps(GetParam(), batch, threads == 2 && batch == 8 ? 2 : 1, threads);
      ASSERT_EQ(others.size(), maps.size());
      EXPECT_EQ(
          std::memcmp(others.data(), maps.data(), maps.size() * sizeof(float)),
          0)
          << "batch " << batch << ", " << threads << " threads";
    }
}

INSTANTIATE_TEST_SUITE_P(AllBuilt, OpenVinoBitsTest,
                         ::testing::Values(Case{"vgg16", false},
                                           Case{"vgg16", true},
                                           Case{"efficientnet_lite0", false},
                                           Case{"efficientnet_lite0", true}),
                         [](const auto& info) {
                           return std::string(info.param.backbone) +
                                  (info.param.bf16 ? "_bf16" : "_fp32");
                         });

}  // namespace
}  // namespace besom::stages
