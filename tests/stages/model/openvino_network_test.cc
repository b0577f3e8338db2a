#include "stages/model/openvino_network.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <openvino/runtime/core.hpp>
#include <vector>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

constexpr int kSize = 96;
constexpr std::size_t kNumbers = std::size_t{kSize} * kSize * 3;
constexpr int kImages = 32;

std::vector<float> RandomImages() {
  KeyedRandom random(1, "images");
  std::vector<float> images(kImages * kNumbers);
  for (float& value : images) value = static_cast<float>(random.Uniform(-2, 2));
  return images;
}

/// The last maps of the images, `batch` at a time on `streams` streams.
std::vector<float> Maps(const char* name, int batch, int streams, int threads) {
  const Backbone backbone = DescribeBackbone(name).value();
  const FoldedNetwork network =
      FoldNetwork(backbone, std::array{CutLayer(backbone, "full").value()},
                  RandomParameters(0, backbone.name))
          .value();
  static ov::Core core;
  ov::CompiledModel compiled = core.compile_model(
      BuildOpenVinoModel(network, batch, {3, kSize, kSize}), "CPU",
      {ov::hint::inference_precision(ov::element::f32),
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

class OpenVinoBitsTest : public ::testing::TestWithParam<const char*> {};

// So the engine's batch is free to change without new rows.
TEST_P(OpenVinoBitsTest, DoNotDependOnBatchStreamsOrThreads) {
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
                         ::testing::Values("vgg16", "efficientnet_lite0"));

}  // namespace
}  // namespace besom::stages
