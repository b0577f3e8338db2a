#include "stages/model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "pipeline/base/random.h"

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Safetensors> OpenBytes(std::string bytes) {
  return Safetensors::Open(Artifact::FromBytes(std::move(bytes)), "bytes");
}

/// A file of a header as text and raw data.
std::string FileOf(std::string_view header, std::string_view data) {
  const std::uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes += header;
  bytes += data;
  return bytes;
}

std::string TwoTensors() {
  static const std::vector<float> b = {1, 2, 3, 4, 5, 6}, a = {-1};
  return PackSafetensors({{"b", {2, 3}, b}, {"a.x", {}, a}},
                         {{"license", "none"}});
}

TEST(SafetensorsTest, ReadsBackWhatItWrote) {
  const auto file = OpenBytes(TwoTensors());
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_EQ(file->metadata().at("license"), "none");
  EXPECT_THAT(file->Floats("b", {2, 3}).value(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(file->Floats("a.x", {}).value(), ElementsAre(-1));
  EXPECT_EQ(file->Find("c"), nullptr);
}

TEST(SafetensorsTest, EqualInputGivesEqualBytesAndAlignedNumbers) {
  EXPECT_EQ(TwoTensors(), TwoTensors());
  std::uint64_t length = 0;
  std::memcpy(&length, TwoTensors().data(), sizeof(length));
  EXPECT_EQ(length % 8, 0U);
}

TEST(SafetensorsTest, ShapeAndNameMustMatch) {
  const auto file = OpenBytes(TwoTensors()).value();
  const auto shape = file.Floats("b", {3, 2});
  ASSERT_FALSE(shape.ok());
  EXPECT_THAT(shape.status().cause(), HasSubstr("[2, 3] instead of [3, 2]"));
  EXPECT_FALSE(file.Floats("z", {1}).ok());
}

// Half: 1, -2, smallest subnormal, infinity; bfloat16: 1, -2.
TEST(SafetensorsTest, ConvertsOtherFloatingPointTypes) {
  const std::string data("\x00\x3C\x00\xC0\x01\x00\x00\x7C\x80\x3F\x00\xC0",
                         12);
  const auto file = OpenBytes(
      FileOf(R"({"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},)"
             R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]}})",
             data));
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_THAT(file->Floats("h", {4}).value(),
              ElementsAre(1, -2, std::ldexp(1.0F, -24), INFINITY));
  EXPECT_THAT(file->Floats("b", {2}).value(), ElementsAre(1, -2));
}

TEST(SafetensorsTest, IntegersAreNotTakenForNumbers) {
  const auto file = OpenBytes(FileOf(
      R"({"n":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}})", "abcd"));
  ASSERT_TRUE(file.ok());
  EXPECT_FALSE(file->Floats("n", {1}).ok());
}

TEST(SafetensorsTest, BrokenHeadersAreRefused) {
  const std::string good = R"({"n":{"dtype":"F32","shape":[1],)";
  for (const std::string& header :
       {good + R"("data_offsets":[0,8]}})",  // More than the shape.
        good + R"("data_offsets":[4,0]}})",  // Ends before it begins.
        good + R"("data_offsets":[4,8]}})",  // Leaves a hole.
        good + R"("data_offsets":[0,-4]}})",
        good + R"("data_offsets":[0,4.0]}})",
        good + R"("data_offsets":[0,18446744073709551615]}})",
        good + R"("data_offsets":[0]}})",
        good + R"("data_offsets":[0,4]},"n":3})",  // Named twice.
        std::string(R"({"n":{"dtype":"F32","shape":[4294967296,4294967296],)"
                    R"("data_offsets":[0,0]}})"),
        std::string(R"({"n":{"dtype":"F3","shape":[1],)"
                    R"("data_offsets":[0,4]}})"),
        std::string(R"({"__metadata__":{"a":1}})"),
        std::string(R"({"__metadata__":[]})"), std::string("[]"),
        std::string("{"), std::string()}) {
    const auto file = OpenBytes(FileOf(header, "1234"));
    ASSERT_FALSE(file.ok()) << header;
    EXPECT_EQ(file.status().code(), StatusCode::kCorrupt) << header;
  }
}

TEST(SafetensorsTest, OverlappingTensorsAreRefused) {
  EXPECT_FALSE(
      OpenBytes(
          FileOf(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                 R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                 "1234"))
          .ok());
}

TEST(SafetensorsTest, EveryTruncationIsRefused) {
  const std::string whole = TwoTensors();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(OpenBytes(whole.substr(0, size)).ok()) << size;
}

/// Mutates `bytes` in one of the ways that break parsers.
std::string Mutate(std::string bytes, KeyedRandom& random) {
  const std::size_t header = bytes.size() - 7 * sizeof(float);
  for (std::uint64_t n = 1 + random.Below(4); n > 0; --n) {
    const std::size_t at = random.Below(header);
    switch (random.Below(4)) {
      case 0:
        bytes[at] = static_cast<char>(random.Below(256));
        break;
      case 1:
        bytes[at] ^= static_cast<char>(1 << random.Below(8));
        break;
      case 2:
        bytes.insert(at, 1, "0123456789[]{},:\"-e"[random.Below(19)]);
        break;
      default:
        bytes.erase(at, 1 + random.Below(4));
    }
  }
  return bytes;
}

// What is accepted must be readable to its last byte; under the address
// sanitizer a tensor that leaves the file ends the test.
TEST(SafetensorsTest, MutatedFilesNeverReadOutside) {
  int accepted = 0;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    KeyedRandom random(1, "safetensors fuzz", {i});
    const std::string bytes = Mutate(TwoTensors(), random);
    const auto file = OpenBytes(bytes);
    if (!file.ok()) continue;
    ++accepted;
    std::size_t covered = 0;
    for (const TensorEntry& entry : file->tensors()) {
      covered += entry.bytes.size();
      (void)file->Floats(entry.name, entry.shape);
    }
    ASSERT_LT(covered, bytes.size());
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace besom::stages
