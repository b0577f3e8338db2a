#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "stages/data/decode.h"
#include "stages/data/dicom/frame_header.h"
#include "stages/data/dicom/grey_table.h"
#include "stages/data/dicom/module.h"
#include "stages/data/dicom/outline.h"
#include "tests/stages/data/ingest/mutation.h"
#include "tests/stages/data/ingest/tiny_dicom.h"

namespace besom::stages {
namespace {

using besom::testing::DecodeMutated;
using besom::testing::DicomElement;
using besom::testing::DicomFile;
using besom::testing::DicomImageHeader;
using besom::testing::DicomNumber;
using besom::testing::DicomOf;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr const char* kRle = "1.2.840.10008.1.2.5";

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

Result<DecodedImage> Decode(std::string_view bytes) {
  return DecodeImage(BytesOf(bytes), BitDepthRange::kFull);
}

std::string ReasonOf(std::string_view bytes) {
  const auto image = Decode(bytes);
  EXPECT_EQ(image.status().code(), StatusCode::kFailed);
  return image.status().cause();
}

std::string Ramp(int count) {
  std::string pixels;
  for (int i = 0; i < count; ++i) pixels += static_cast<char>(i * 5);
  return pixels;
}

/// An element of undefined length: SQ, UN or OB.
std::string Undefined(std::uint16_t group, std::uint16_t element,
                      std::string_view representation) {
  std::string text = DicomElement(group, element, representation, "");
  text.replace(text.size() - 4, 4, "\xFF\xFF\xFF\xFF");
  return text;
}

std::string Tag(std::uint16_t element, std::uint32_t length) {
  std::string text = DicomNumber(0xFFFE) + DicomNumber(element);
  text += DicomNumber(static_cast<std::uint16_t>(length & 0xFFFF));
  return text + DicomNumber(static_cast<std::uint16_t>(length >> 16));
}

/// 4 x 2 pixels of RLE (PS3.5, annex G): a run of six and two as they are.
std::string RleFile() {
  std::string segment = "\xFB\x40";                    // 6 times 0x40.
  segment += std::string("\x01\x10\x20", 3) + '\x80';  // Two, and nothing.
  std::string fragment = DicomNumber(1) + DicomNumber(0);
  fragment += DicomNumber(64) + DicomNumber(0);
  fragment.resize(64, '\0');
  fragment += segment;
  return DicomFile(
      DicomImageHeader(4, 2) + Undefined(0x7FE0, 0x0010, "OB") +
          Tag(0xE000, 0) +
          Tag(0xE000, static_cast<std::uint32_t>(fragment.size())) + fragment +
          Tag(0xE0DD, 0),
      kRle);
}

/// A sequence in a sequence, `depth` deep, of known or of undefined length.
std::string Nested(int depth, bool defined) {
  std::string inner;
  for (int i = 0; i < depth; ++i) {
    if (defined)
      inner = DicomElement(
          0x0018, 0x9999, "SQ",
          Tag(0xE000, static_cast<std::uint32_t>(inner.size())) + inner);
    else
      inner = Undefined(0x0018, 0x9999, "SQ") + Tag(0xE000, 0xFFFFFFFF) +
              inner + Tag(0xE00D, 0) + Tag(0xE0DD, 0);
  }
  return inner;
}

TEST(DicomTest, PixelsComeBack) {
  const std::string pixels = Ramp(20);
  const auto image = Decode(DicomOf(5, 4, pixels));
  ASSERT_TRUE(image.ok()) << image.status().ToString();
  EXPECT_EQ(image->width, 5);
  EXPECT_EQ(image->height, 4);
  EXPECT_EQ(image->channels, 1);
  EXPECT_EQ(image->mode, "MONOCHROME2;8");
  EXPECT_EQ(std::string(image->pixels.begin(), image->pixels.end()), pixels);
}

TEST(DicomTest, CompressedPixelsComeBack) {
  const auto image = Decode(RleFile());
  ASSERT_TRUE(image.ok()) << image.status().ToString();
  EXPECT_THAT(image->pixels,
              ElementsAre(0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x10, 0x20));
}

TEST(DicomTest, ManyThreadsDecodeAtOnce) {
  const std::string plain = DicomOf(5, 4, Ramp(20));
  const std::string packed = RleFile();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 100; ++k) {
        EXPECT_TRUE(Decode(plain).ok());
        EXPECT_TRUE(Decode(packed).ok());
      }
    });
}

TEST(DicomTest, AnyTruncationIsAnError) {
  const std::string sequence = Nested(3, false) + Nested(2, true);
  for (const std::string& file : {DicomOf(6, 4, Ramp(24), sequence), RleFile()})
    for (std::size_t length = 0; length < file.size(); ++length)
      EXPECT_EQ(
          Decode(std::string_view(file).substr(0, length)).status().code(),
          StatusCode::kFailed)
          << length << " of " << file.size();
}

TEST(DicomTest, WhatFollowsThePixelsDoesNotCount) {
  EXPECT_TRUE(Decode(DicomOf(2, 2, "abcd") + "any rubbish").ok());
}

TEST(DicomTest, DamagedFilesNeverCrash) {
  std::uint64_t number = 0;
  for (const std::string& file :
       {DicomOf(6, 4, Ramp(24), Nested(2, false)), RleFile()})
    for (int i = 0; i < 3000; ++i) DecodeMutated(file, number++);
}

TEST(DicomTest, DeepNestingIsRefusedBeforeItRecurses) {
  for (const bool defined : {false, true}) {
    EXPECT_TRUE(Decode(DicomOf(2, 2, "abcd", Nested(10, defined))).ok());
    EXPECT_THAT(ReasonOf(DicomOf(2, 2, "abcd", Nested(2000, defined))),
                HasSubstr("nested deeper"));
  }
}

TEST(DicomTest, AnImplicitSequenceCannotHideItsDepth) {
  // Without types a sequence of known length looks like any other element.
  std::string inner;
  for (int i = 0; i < 2000; ++i) {
    const std::string item =
        Tag(0xE000, static_cast<std::uint32_t>(inner.size())) + inner;
    const auto length = static_cast<std::uint32_t>(item.size());
    inner = DicomNumber(0x0008) + DicomNumber(0x1140) +
            DicomNumber(static_cast<std::uint16_t>(length & 0xFFFF)) +
            DicomNumber(static_cast<std::uint16_t>(length >> 16)) + item;
  }
  EXPECT_THAT(ReasonOf(DicomFile(inner, "1.2.840.10008.1.2")),
              HasSubstr("nested deeper"));
}

TEST(DicomTest, TooManyElementsAreRefused) {
  std::string many;
  for (int i = 0; i < 200'001; ++i) many += Tag(0xE000, 0);
  EXPECT_THAT(
      ReasonOf(DicomOf(2, 2, "abcd", DicomElement(0x0018, 0x9999, "SQ", many))),
      HasSubstr("more than 200000 elements"));
}

TEST(DicomTest, LengthsBeyondTheFileAreRefused) {
  std::string file = DicomOf(2, 2, "abcd");
  file.replace(file.size() - 8, 4, "\xFE\xFF\xFF\x7F");
  EXPECT_THAT(ReasonOf(file), HasSubstr("cut off"));
}

TEST(DicomTest, ADataSetAloneIsToldApart) {
  const std::string file = DicomOf(2, 2, "abcd");
  EXPECT_THAT(ReasonOf(std::string_view(file).substr(132)),
              HasSubstr("preamble"));
}

TEST(DicomOutlineTest, TheHeaderIsEnoughForTheHeader) {
  const std::string file = DicomOf(50, 40, Ramp(2000));
  const auto whole = OutlineDicom(BytesOf(file), DicomDepth::kWhole);
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->transfer_syntax, "1.2.840.10008.1.2.1");
  EXPECT_EQ(whole->pixel_bytes, 2000u);
  EXPECT_EQ(whole->end, file.size());
  EXPECT_FALSE(whole->encapsulated);
  const std::string_view header =
      std::string_view(file).substr(0, whole->header_end + 12);
  const auto outline = OutlineDicom(BytesOf(header), DicomDepth::kHeader);
  ASSERT_TRUE(outline.ok());
  EXPECT_EQ(outline->header_end, whole->header_end);
}

TEST(DicomModuleTest, TagsByKeywordAndTheirTexts) {
  const auto module = LoadDicomModule();
  ASSERT_TRUE(module.ok()) << module.status().ToString();
  const auto patient = (*module)->find_keyword("PatientID");
  ASSERT_TRUE(patient.ok());
  EXPECT_EQ(*patient, (DicomTag{0x0010, 0x0020}));
  EXPECT_EQ((*module)->find_keyword("NoSuchThing").status().code(),
            StatusCode::kInvalid);
  const std::string file =
      DicomOf(2, 2, "abcd", DicomElement(0x0018, 0x0015, "CS", "CHEST"));
  const auto outline = OutlineDicom(BytesOf(file), DicomDepth::kHeader);
  const std::vector<DicomTag> tags = {
      *patient, {0x0018, 0x0015}, {0x0018, 0x5101}};
  const auto texts =
      (*module)->read_texts(BytesOf(file).first(outline->header_end), tags);
  ASSERT_TRUE(texts.ok());
  EXPECT_THAT(*texts, ElementsAre("patient 7", "CHEST", ""));
}

/// A JPEG's start up to its frame header: 5 x 4 pixels of 8 bits.
std::string JpegStart(std::string_view before = "") {
  std::string text = "\xFF\xD8";
  text += before;
  return text + std::string(
                    "\xFF\xC0\x00\x0B\x08\x00\x04\x00\x05\x01\x01"
                    "\x11\x00",
                    13);
}

Status CheckJpeg(std::string_view text, const FrameShape& shape = {5, 4}) {
  return CheckJpegFrame(BytesOf(text), shape);
}

TEST(FrameHeaderTest, AJpegMustBeOfTheStatedShape) {
  EXPECT_TRUE(CheckJpeg(JpegStart()).ok());
  EXPECT_TRUE(CheckJpeg(JpegStart(std::string("\xFF\xE0\0\4ab", 6))).ok());
  for (const FrameShape& shape : {FrameShape{6, 4}, FrameShape{5, 3},
                                  FrameShape{5, 4, 3}, FrameShape{5, 4, 1, 2}})
    EXPECT_THAT(CheckJpeg(JpegStart(), shape).cause(),
                HasSubstr("not what it says"));
}

TEST(FrameHeaderTest, MarkersThatTheLibraryLoopsOnAreRefused) {
  for (const std::string& before :
       {std::string("\xFF\x01"), std::string("\xFF\xD8"),
        std::string("\xFF\xDA\0\2", 4), std::string("\xFF\xE0\0\0", 4),
        std::string("\xFF\xE0\xFF\xFF"), std::string("ab")})
    EXPECT_THAT(CheckJpeg(JpegStart(before)).cause(),
                HasSubstr("without its header"));
  EXPECT_FALSE(CheckJpeg("").ok());
  EXPECT_FALSE(CheckJpeg("\xFF\xD8").ok());
}

TEST(FrameHeaderTest, ThousandsOfScansAreRefused) {
  std::string text = JpegStart();
  for (int i = 0; i < kMaxJpegScans; ++i) text += "\xFF\xDA..";
  EXPECT_TRUE(CheckJpeg(text).ok());
  EXPECT_THAT(CheckJpeg(text + "\xFF\xDA").cause(), HasSubstr("scans"));
}

TEST(FrameHeaderTest, RleSegmentsMustLieInTheFrame) {
  std::string frame = DicomNumber(2) + DicomNumber(0);
  frame += DicomNumber(64) + DicomNumber(0);
  frame += DicomNumber(70) + DicomNumber(0);
  frame.resize(80, '\0');
  const FrameShape shape = {5, 4, 1, 2};
  EXPECT_TRUE(CheckRleFrame(BytesOf(frame), shape).ok());
  EXPECT_FALSE(CheckRleFrame(BytesOf(frame), {5, 4}).ok());
  EXPECT_FALSE(CheckRleFrame(BytesOf(frame).first(70), shape).ok());
  frame[8] = 63;
  EXPECT_FALSE(CheckRleFrame(BytesOf(frame), shape).ok());
  frame[8] = 70;
  frame[4] = 71;
  EXPECT_FALSE(CheckRleFrame(BytesOf(frame), shape).ok());
}

GreyTable TableOf(const GreyTransform& transform) {
  auto table = MakeGreyTable(transform);
  EXPECT_TRUE(table.ok()) << table.status().ToString();
  return *table;
}

TEST(GreyTableTest, EightBitsAreTheirOwnLevels) {
  const GreyTable table = TableOf({});
  ASSERT_EQ(table.levels.size(), 256u);
  EXPECT_EQ(table.white, 255);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(table.levels[i], i);
}

TEST(GreyTableTest, SignedNumbersBeginAtTheLeast) {
  GreyTransform transform;
  transform.bits = 4;
  transform.is_signed = true;
  const GreyTable table = TableOf(transform);
  EXPECT_EQ(table.levels[8], 0);     // -8
  EXPECT_EQ(table.levels[15], 119);  // -1: 7 / 15.
  EXPECT_EQ(table.levels[7], 255);
}

TEST(GreyTableTest, DeepImagesKeepTheirDepth) {
  GreyTransform transform;
  transform.bits = 12;
  transform.inverted = true;
  const GreyTable table = TableOf(transform);
  EXPECT_EQ(table.white, 4095);
  EXPECT_EQ(table.levels.front(), 4095);
  EXPECT_EQ(table.levels[1], 4094);
}

TEST(GreyTableTest, AWindowOfWidthOneIsAThreshold) {
  GreyTransform transform;
  transform.window = DicomWindow{100, 1, WindowShape::kLinear};
  const GreyTable table = TableOf(transform);
  // PS3.3: x <= c - 0.5 is black, x > c - 0.5 white.
  EXPECT_EQ(table.levels[99], 0);
  EXPECT_EQ(table.levels[100], 255);
}

TEST(GreyTableTest, WindowsWithoutAWidthAndSlopesOfNothingAreRefused) {
  for (const DicomWindow& window :
       {DicomWindow{5, 0.5, WindowShape::kLinear},
        DicomWindow{5, 0, WindowShape::kLinearExact},
        DicomWindow{5, -3, WindowShape::kSigmoid},
        DicomWindow{5, std::nan(""), WindowShape::kSigmoid},
        DicomWindow{INFINITY, 3, WindowShape::kLinear}}) {
    GreyTransform transform;
    transform.window = window;
    EXPECT_EQ(MakeGreyTable(transform).status().code(), StatusCode::kFailed);
  }
  for (const double slope : {0.0, std::nan(""), 1.0 / 0.0}) {
    GreyTransform transform;
    transform.slope = slope;
    EXPECT_EQ(MakeGreyTable(transform).status().code(), StatusCode::kFailed);
  }
}

TEST(GreyTableTest, ExtremeNumbersStayLevels) {
  GreyTransform transform;
  transform.bits = 16;
  transform.slope = 1e300;
  transform.intercept = -1e300;
  for (const WindowShape shape :
       {WindowShape::kLinear, WindowShape::kLinearExact,
        WindowShape::kSigmoid}) {
    transform.window = DicomWindow{-1e300, 1.5, shape};
    for (const std::uint16_t level : TableOf(transform).levels)
      EXPECT_LE(level, 255);
  }
  transform.interest = DicomLut{-5, 8, {1, 2, 3}};
  EXPECT_THAT(TableOf(transform).levels.back(), 3);
}

}  // namespace
}  // namespace besom::stages
