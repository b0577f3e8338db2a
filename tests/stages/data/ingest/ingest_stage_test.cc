#include "stages/data/ingest_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "stages/data/pixel_shard.h"
#include "stages/data/thumbnail.h"
#include "stages/data/thumbnail_shard.h"
#include "tests/stages/data/ingest/temp_folder.h"
#include "tests/stages/data/ingest/tiny_images.h"

namespace besom::stages {
namespace {

using besom::testing::JpegOf;
using besom::testing::Pattern;
using besom::testing::PngOf;
using ::testing::Each;
using ::testing::HasSubstr;

Result<std::vector<std::uint8_t>> RenderFlat(const Json& generator, int* width,
                                             int* height) {
  *width = 6;
  *height = 4;
  return std::vector<std::uint8_t>(24, generator.at("grey").get<int>());
}

class IngestStageTest : public ::testing::Test {
 protected:
  void AddFile(const std::string& name, const std::string& bytes) {
    params_["files"].push_back(
        {{"name", name}, {"content", DigestOf(bytes).Hex()}});
    hints_["paths"].push_back(folder_.Write(name, bytes).string());
  }
  Result<StageOutput> Run() {
    const StageInput input{params_, hints_, artifacts_, progress_};
    return IngestStage(RenderFlat).Run(input);
  }
  PixelShard Open(const StageOutput& output) {
    return PixelShard::Open(folder_.MakeArtifact(output.blobs.at("pixels")))
        .value();
  }

  besom::testing::TempFolder folder_;
  Json params_ = {{"size", 16},
                  {"resize", "stretch"},
                  {"interpolation", "bilinear"},
                  {"bit_depth_range", "full"},
                  {"files", Json::array()}};
  Json hints_ = {{"paths", Json::array()}, {"threads", 1}};
  ArtifactMap artifacts_;
  std::function<bool(double)> progress_;
};

TEST_F(IngestStageTest, DecodesFilesAndRecordsBadOnes) {
  AddFile("a.png", PngOf(30, 20, 3, Pattern(30, 20, 3)));
  AddFile("b.jpg", "this is no image");
  AddFile("c.jpg", JpegOf(20, 20, 1, Pattern(20, 20, 1)));
  const auto output = Run();
  ASSERT_TRUE(output.ok()) << output.status().ToString();
  EXPECT_EQ(output->counters.at("images"), 2);
  EXPECT_EQ(output->counters.at("errors"), 1);
  const PixelShard shard = Open(*output);
  ASSERT_EQ(shard.records().size(), 3u);
  EXPECT_EQ(shard.size(), 16);
  EXPECT_EQ(shard.records()[0].channels, 3);
  EXPECT_EQ(shard.records()[0].source_width, 30);
  EXPECT_EQ(shard.records()[1].error, "neither a JPEG, a PNG nor a DICOM file");
  EXPECT_EQ(shard.records()[2].channels, 1);
  EXPECT_EQ(shard.pixels(2).size(), 256u);
}

TEST_F(IngestStageTest, ThreadsDoNotChangeTheShard) {
  for (int i = 0; i < 20; ++i)
    AddFile(std::to_string(i) + ".png",
            i % 7 == 3 ? "bad" + std::to_string(i)
                       : PngOf(20 + i, 20, 3, Pattern(20 + i, 20, 3)));
  const auto one = Run();
  hints_["threads"] = 4;
  const auto four = Run();
  ASSERT_TRUE(one.ok() && four.ok());
  EXPECT_EQ(one->blobs.at("pixels"), four->blobs.at("pixels"));
}

TEST_F(IngestStageTest, AFileThatChangedSinceTheScanFailsByName) {
  AddFile("a.png", PngOf(8, 8, 1, Pattern(8, 8, 1)));
  AddFile("b.png", PngOf(9, 9, 1, Pattern(9, 9, 1)));
  folder_.Write("b.png", PngOf(9, 9, 1, Pattern(9, 9, 1)) + "x");
  const auto output = Run();
  EXPECT_EQ(output.status().code(), StatusCode::kFailed);
  EXPECT_THAT(output.status().ToString(), HasSubstr("b.png"));
  EXPECT_THAT(output.status().ToString(), HasSubstr("changed"));
}

TEST_F(IngestStageTest, AFileThatIsGoneIsAnErrorOfTheTask) {
  AddFile("a.png", "x");
  std::filesystem::remove(folder_.path() / "a.png");
  EXPECT_FALSE(Run().ok());
}

TEST_F(IngestStageTest, DrawsPhantoms) {
  params_["files"].push_back({{"name", "p"},
                              {"content", DigestOf("p").Hex()},
                              {"generator", {{"grey", 90}}}});
  hints_["paths"].push_back(nullptr);
  const auto output = Run();
  ASSERT_TRUE(output.ok()) << output.status().ToString();
  const PixelShard shard = Open(*output);
  EXPECT_EQ(shard.records()[0].source_width, 6);
  EXPECT_THAT(shard.pixels(0), Each(90));
}

TEST_F(IngestStageTest, ReportsProgressAndStopsWhenAsked) {
  for (int i = 0; i < 4; ++i)
    AddFile(std::to_string(i) + ".png", PngOf(8, 8 + i, 1, Pattern(8, 11, 1)));
  std::vector<double> shares;
  progress_ = [&](double share) {
    shares.push_back(share);
    return false;
  };
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(shares, ::testing::ElementsAre(0.25, 0.5, 0.75, 1.0));
  progress_ = [](double) { return true; };
  EXPECT_EQ(Run().status().code(), StatusCode::kInterrupted);
}

TEST_F(IngestStageTest, ImpossibleParametersAreErrors) {
  params_["size"] = 0;
  EXPECT_EQ(Run().status().code(), StatusCode::kInvalid);
  params_["size"] = 16;
  params_["resize"] = "squash";
  EXPECT_EQ(Run().status().code(), StatusCode::kInvalid);
  params_.erase("resize");
  EXPECT_EQ(Run().status().code(), StatusCode::kInternal);
}

TEST_F(IngestStageTest, KeepsAThumbnailOfEachDecodedImage) {
  AddFile("a.png", PngOf(300, 200, 3, Pattern(300, 200, 3)));
  AddFile("b.jpg", "this is no image");
  AddFile("c.jpg", JpegOf(600, 500, 1, Pattern(600, 500, 1)));
  const auto output = Run();
  ASSERT_TRUE(output.ok()) << output.status().ToString();
  const PixelShard pixels = Open(*output);
  const auto shard = ThumbnailShard::Open(
      folder_.MakeArtifact(output->blobs.at("thumbnails")));
  ASSERT_TRUE(shard.ok()) << shard.status().ToString();
  ASSERT_EQ(shard->records().size(), 2U);
  for (const std::size_t i : {0, 1}) {
    const PixelRecord& record = pixels.records()[2 * i];
    EXPECT_EQ(shard->records()[i].content, record.content);
    EXPECT_EQ(shard->records()[i].width, record.source_width);
    EXPECT_EQ(shard->records()[i].hash, record.hash);
    EXPECT_EQ(record.hash, PerceptualHash(shard->thumbnail(i)));
  }
  EXPECT_NE(pixels.records()[0].hash, pixels.records()[2].hash);
}

TEST(Thumbnail, IsTheMeanOfWhatEachCellCovers) {
  DecodedImage image;
  image.width = 96;  // A cell covers one pixel and a half.
  image.height = 128;
  image.channels = 1;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      image.pixels.push_back(static_cast<std::uint8_t>(2 * x + y % 2 * 10));
  const Thumbnail thumbnail = MakeThumbnail(image);
  // Pixels 0 and half of 1: (0 + 2 / 2) / 1.5, and 5 more for the odd rows.
  EXPECT_EQ(thumbnail[0], 6);
  // Half of pixel 1, and pixel 2: (2 / 2 + 4) / 1.5 = 3.33.
  EXPECT_EQ(thumbnail[1], 8);
  EXPECT_EQ(thumbnail[64 * 63], 6);
}

TEST(Thumbnail, OfAFlatImageIsFlatWhateverItsShape) {
  for (const int width : {1, 3, 63, 64, 65, 1000})
    for (const int height : {1, 2, 64, 130, 30000}) {
      DecodedImage image;
      image.width = width;
      image.height = height;
      image.channels = 3;
      image.pixels.assign(static_cast<std::size_t>(3 * width * height), 251);
      EXPECT_THAT(MakeThumbnail(image), Each(251)) << width << " " << height;
    }
}

}  // namespace
}  // namespace besom::stages
