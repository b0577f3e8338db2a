#include "stages/data/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/stages/data/ingest/mutation.h"
#include "tests/stages/data/ingest/tiny_images.h"

namespace besom::stages {
namespace {

using besom::testing::DecodeMutated;
using besom::testing::JpegOf;
using besom::testing::Pattern;
using besom::testing::PngHeader;
using besom::testing::PngOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

Result<DecodedImage> Decode(std::string_view bytes) {
  return DecodeImage(std::as_bytes(std::span(bytes)), BitDepthRange::kFull);
}

/// Small files of every codec path, for damage.
std::vector<std::string> SmallFiles() {
  return {PngOf(23, 17, 1, Pattern(23, 17, 1)),
          PngOf(23, 17, 3, Pattern(23, 17, 3)),
          PngOf(23, 17, 4, Pattern(23, 17, 4)),
          JpegOf(40, 33, 1, Pattern(40, 33, 1)),
          JpegOf(40, 33, 3, Pattern(40, 33, 3)),
          JpegOf(40, 33, 3, Pattern(40, 33, 3), /*progressive=*/true)};
}

TEST(DecodeTest, PngPixelsComeBack) {
  const auto pixels = Pattern(5, 4, 3);
  const auto image = Decode(PngOf(5, 4, 3, pixels));
  ASSERT_TRUE(image.ok()) << image.status().ToString();
  EXPECT_EQ(image->width, 5);
  EXPECT_EQ(image->height, 4);
  EXPECT_EQ(image->channels, 3);
  EXPECT_EQ(image->mode, "RGB");
  EXPECT_THAT(image->pixels, ElementsAreArray(pixels));
}

TEST(DecodeTest, RgbThatIsGreyHasOneChannel) {
  std::vector<std::uint8_t> pixels;
  for (const std::uint8_t value : {7, 80, 200, 255})
    pixels.insert(pixels.end(), 3, value);
  const auto image = Decode(PngOf(2, 2, 3, pixels));
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image->channels, 1);
  EXPECT_EQ(image->mode, "RGB");
  EXPECT_THAT(image->pixels, ElementsAreArray({7, 80, 200, 255}));
}

TEST(DecodeTest, WhatIsNoImageIsAnErrorWithAReason) {
  EXPECT_EQ(Decode("").status().cause(), "the file is empty");
  EXPECT_EQ(Decode("hello, this is text").status().cause(),
            "neither a JPEG, a PNG nor a DICOM file");
  EXPECT_EQ(Decode("\xFF\xD8\xFF").status().code(), StatusCode::kFailed);
  EXPECT_EQ(Decode(std::string("\0\0\0", 3)).status().code(),
            StatusCode::kFailed);
}

TEST(DecodeTest, HugeClaimsAreRefusedFromTheHeader) {
  for (const auto& [width, height] :
       {std::pair{60000u, 60000u}, {2147483647u, 2147483647u}, {70000u, 1u}}) {
    const auto image = Decode(PngHeader(width, height));
    ASSERT_FALSE(image.ok());
    EXPECT_THAT(image.status().cause(), HasSubstr("the limit is"));
  }
}

TEST(DecodeTest, AJpegThatClaimsTooMuchIsRefused) {
  std::string file = JpegOf(16, 16, 1, Pattern(16, 16, 1));
  const std::size_t frame = file.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  file.replace(frame + 5, 4, "\xFF\xDC\xFF\xDC");
  EXPECT_THAT(Decode(file).status().cause(), HasSubstr("the limit is"));
}

TEST(DecodeTest, AnyTruncationIsAnError) {
  for (const std::string& file : SmallFiles())
    for (std::size_t length = 0; length < file.size(); ++length)
      EXPECT_EQ(
          Decode(std::string_view(file).substr(0, length)).status().code(),
          StatusCode::kFailed)
          << length << " of " << file.size();
}

TEST(DecodeTest, DamagedSmallFilesNeverCrash) {
  std::uint64_t number = 0;
  for (const std::string& file : SmallFiles())
    for (int i = 0; i < 400; ++i) DecodeMutated(file, number++);
}

TEST(DecodeTest, ExtensionsInAnyCase) {
  for (const char* name :
       {"a.jpg", "a.JPEG", "b.Png", "x.y.jpe", "k.jfif", "0.DCM", "s.dicom"})
    EXPECT_TRUE(HasImageExtension(name)) << name;
  for (const char* name : {"a.gif", "jpg", ".png", "a.png.txt", "a.", ""})
    EXPECT_FALSE(HasImageExtension(name)) << name;
}

}  // namespace
}  // namespace besom::stages
