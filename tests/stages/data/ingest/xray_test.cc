// On the real chest X-rays of the folder BESOM_SHARED.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "pipeline/base/files.h"
#include "stages/data/decode.h"
#include "stages/data/scan.h"
#include "tests/stages/data/ingest/mutation.h"

namespace besom::stages {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Path XrayFolder() {
  const char* shared = std::getenv("BESOM_SHARED");
  return Path(shared != nullptr ? shared : BESOM_DEFAULT_SHARED) / "data/xray";
}

Json CovidSource() {
  return {{"name", "cohen"},
          {"format", "metadata_csv"},
          {"path", (XrayFolder() / "covid-chestxray-dataset").string()},
          {"image_folder", "images"},
          {"image_column", "filename"},
          {"where",
           {{"finding", {"*COVID-19*"}},
            {"modality", {"X-ray"}},
            {"view", {"PA", "AP", "AP Supine"}}}},
          {"label", "covid"},
          {"group_column", "patientid"}};
}

Json NihSource(const char* name, const char* part) {
  return {{"name", name},
          {"format", "image_folder"},
          {"path", (XrayFolder() / "chest_xray" / part).string()},
          {"labels", {{"NORMAL", "normal"}, {"PNEUMONIA", "pneumonia"}}},
          {"group_pattern", "^(\\d+)_"},
          {"patients", "nih"}};
}

Result<SourceScan> ScanXrays(ContentDigests& digests) {
  const Json ingest = {{"classes", {"covid", "normal", "pneumonia"}},
                       {"sources", {CovidSource(), NihSource("nih", "train")}}};
  return ScanSources(ingest, Json::array({NihSource("nih-test", "test")}),
                     digests, {.seed = 1, .threads = 2});
}

/// Number of entries by source and label, or by source and reason.
std::map<std::string, int> Counts(const SourceScan& scan) {
  std::map<std::string, int> counts;
  for (const ScanEntry& entry : scan.entries)
    ++counts[entry.source + ": " +
             (entry.left_out.empty() ? entry.label : entry.left_out)];
  return counts;
}

TEST(XrayScanTest, EveryImageIsCountedOnce) {
  MemoryContentDigests digests;
  const auto scan = ScanXrays(digests);
  ASSERT_TRUE(scan.ok()) << scan.status().ToString();
  EXPECT_THAT(
      Counts(*scan),
      UnorderedElementsAre(
          Pair("cohen: covid", 86),
          Pair("cohen: metadata.csv names it, but there is no such file", 37),
          Pair("cohen: no row of metadata.csv names it", 1),
          Pair("nih: normal", 200), Pair("nih: pneumonia", 202),
          Pair("nih-test: normal", 63), Pair("nih-test: pneumonia", 58)));
}

TEST(XrayScanTest, TheTwoEqualFilesAreOneContent) {
  MemoryContentDigests digests;
  const auto scan = ScanXrays(digests);
  ASSERT_TRUE(scan.ok());
  EXPECT_EQ(UniqueContents(*scan).size(), 86u + 402u + 121u - 1u);
}

TEST(XrayScanTest, PatientsOfBothPartsHaveTheSameId) {
  MemoryContentDigests digests;
  const auto scan = ScanXrays(digests);
  ASSERT_TRUE(scan.ok());
  std::map<std::string, std::map<std::string, int>> sources_of;
  for (const ScanEntry& entry : scan->entries)
    if (entry.patients == "nih")
      ++sources_of[entry.group][entry.source + " " + entry.label];
  for (const char* patient : {"00002673", "00003211", "00003392"}) {
    EXPECT_THAT(sources_of[patient],
                Contains(Pair("nih pneumonia", ::testing::Gt(0))));
    EXPECT_THAT(sources_of[patient],
                Contains(Pair("nih-test normal", ::testing::Gt(0))));
  }
}

TEST(XrayFuzzTest, DamagedXraysNeverCrash) {
  const Path folder = XrayFolder() / "covid-chestxray-dataset/images";
  std::vector<Path> files;
  for (const auto& item : std::filesystem::directory_iterator(folder))
    files.push_back(item.path());
  std::ranges::sort(files);
  ASSERT_GT(files.size(), 50u) << folder;
  for (std::size_t i = 0; i < files.size(); i += 8) {
    const auto file = ReadFile(files[i]);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(
        DecodeImage(std::as_bytes(std::span(*file)), BitDepthRange::kFull).ok())
        << files[i];
    for (std::uint64_t k = 0; k < 12; ++k)
      besom::testing::DecodeMutated(*file, 1000 * i + k);
  }
}

}  // namespace
}  // namespace besom::stages
