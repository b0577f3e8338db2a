#include "stages/model/predict/predictor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include "stages/model/head/head_model.h"

namespace besom::stages {
namespace {

using testing::HasSubstr;

/// Two numbers an image: its mean input and 1. Batches of four.
class MeanEngine final : public FeatureEngine {
 public:
  explicit MeanEngine(int size) : size_(size) {}
  int dimension() const override { return 2; }
  int batch() const override { return 4; }
  std::size_t image_numbers() const override { return size_ * size_ * 3u; }
  Status Extract(int images, std::span<const float> input,
                 std::span<float> rows) override {
    EXPECT_EQ(input.size(), 4 * image_numbers());
    for (int i = 0; i < images; ++i) {
      double sum = 0;
      for (const float x : input.subspan(i * image_numbers(), image_numbers()))
        sum += x;
      rows[2 * i] = static_cast<float>(sum / (size_ * size_ * 3));
      rows[2 * i + 1] = 1;
    }
    return Status::Ok();
  }

 private:
  int size_;
};

Result<Engines> MakeMeanEngines(const EngineSpec& spec, int lanes) {
  Engines engines;
  for (int i = 0; i < lanes; ++i)
    engines.push_back(std::make_unique<MeanEngine>(spec.size));
  return engines;
}

/// Grey squares of given brightness in a fresh folder, and a head that says
/// "bright" for a mean above one half.
class PredictorTest : public testing::Test {
 protected:
  PredictorTest() {
    folder_ = Path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
    HeadLayer layer{2, 2, std::vector<float>(32), std::vector<float>(16)};
    layer.weights[1] = 8;    // bright: 8 * mean
    layer.weights[17] = -4;  //         - 4
    settings_.heads = {
        HeadModel({layer}, {{"classes", {"dark", "bright"}}}).ToBlob()};
    settings_.model = {{"backbone", "vgg16"},
                       {"cut", "full"},
                       {"pooling", "average"},
                       {"precision", "fp32"},
                       {"preprocessing", "unit"}};
    settings_.ingest = {{"resize", "stretch"},
                        {"interpolation", "bilinear"},
                        {"bit_depth_range", "full"}};
    settings_.size = 8;
    settings_.weights = "random";
  }
  ~PredictorTest() override { std::filesystem::remove_all(folder_); }

  Path Grey(const std::string& name, std::uint8_t level) {
    const std::vector<std::uint8_t> pixels(20 * 10, level);
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = 20;
    image.height = 10;
    image.format = PNG_FORMAT_GRAY;
    const Path path = folder_ / name;
    EXPECT_TRUE(png_image_write_to_file(&image, path.c_str(), 0, pixels.data(),
                                        0, nullptr));
    return path;
  }

  Result<std::vector<ImagePrediction>> Run(const std::vector<Path>& images) {
    return Predict(settings_, images, {}, MakeMeanEngines, /*make_base=*/{});
  }

  Path folder_;
  PredictorSettings settings_;
};

TEST_F(PredictorTest, ClassifiesWhatCanBeReadAndNamesTheRest) {
  std::vector<Path> images;
  for (int i = 0; i < 5; ++i)
    images.push_back(
        Grey(std::to_string(i) + ".png", static_cast<std::uint8_t>(51 * i)));
  ASSERT_TRUE(WriteFileAtomic(folder_ / "text.png", "no image").ok());
  images.insert(images.begin() + 2, folder_ / "text.png");
  images.push_back(folder_ / "missing.png");
  for (const int threads : {1, 3}) {
    settings_.threads = threads;
    const auto result = Run(images);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    ASSERT_EQ(result->size(), 7u);
    EXPECT_EQ((*result)[0].path, images[0].string());
    EXPECT_GT((*result)[0].probabilities.at(0), 0.9);
    EXPECT_FALSE((*result)[2].error.empty());
    EXPECT_TRUE((*result)[2].probabilities.empty());
    EXPECT_FALSE((*result)[6].error.empty());
    // Brightness 204 / 255: logits 0 and 8 * 0.8 - 4.
    EXPECT_NEAR((*result)[5].probabilities.at(1), 1 / (1 + std::exp(-2.4)),
                1e-6);
  }
}

TEST_F(PredictorTest, FitsAreAveraged) {
  HeadLayer layer{2, 2, std::vector<float>(32), std::vector<float>(16)};
  settings_.heads.push_back(
      HeadModel({layer}, {{"classes", {"dark", "bright"}}}).ToBlob());
  const auto result = Run({Grey("a.png", 204)});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  // The second fit knows nothing: one half.
  EXPECT_NEAR((*result)[0].probabilities.at(1),
              (1 / (1 + std::exp(-2.4)) + 0.5) / 2, 1e-6);
}

TEST_F(PredictorTest, NothingReadableIsRowsOfReasons) {
  ASSERT_TRUE(WriteFileAtomic(folder_ / "text.dcm", "no image").ok());
  settings_.threads = 2;
  const auto result = Run({folder_ / "text.dcm", folder_, folder_ / "gone"});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  ASSERT_EQ(result->size(), 3u);
  for (const ImagePrediction& image : *result) {
    EXPECT_TRUE(image.probabilities.empty());
    EXPECT_FALSE(image.error.empty());
  }
}

TEST_F(PredictorTest, WhatIsNoFileOrTooLargeIsNotRead) {
  ASSERT_TRUE(WriteFileAtomic(folder_ / "large.png", "x").ok());
  std::filesystem::resize_file(folder_ / "large.png", (512ULL << 20) + 1);
  const auto result = Run({"/dev/zero", folder_ / "large.png"});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ((*result)[0].error, "not a regular file");
  EXPECT_THAT((*result)[1].error, HasSubstr("the limit is"));
}

TEST_F(PredictorTest, AHeadOfAnotherBaseIsRefused) {
  HeadLayer layer{3, 2, std::vector<float>(48), std::vector<float>(16)};
  settings_.heads = {HeadModel({layer}, {{"classes", {"a", "b"}}}).ToBlob()};
  EXPECT_EQ(Run({}).status().code(), StatusCode::kCorrupt);
}

TEST_F(PredictorTest, OtherWeightsThanTheTrialsAreRefused) {
  settings_.weights = DigestOf(std::string_view("trial")).Hex();
  settings_.weights_path = folder_ / "weights.safetensors";
  ASSERT_TRUE(WriteFileAtomic(settings_.weights_path, "other").ok());
  const Status status = Run({}).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalid);
  EXPECT_THAT(status.ToString(), HasSubstr("not the weights of the trial"));
}

TEST_F(PredictorTest, StopsWhenTold) {
  const auto result =
      Predict(settings_, {Grey("a.png", 1)}, [](double) { return true; },
              MakeMeanEngines, /*make_base=*/{});
  EXPECT_EQ(result.status().code(), StatusCode::kInterrupted);
}

}  // namespace
}  // namespace besom::stages
