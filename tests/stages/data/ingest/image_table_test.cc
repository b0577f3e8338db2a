#include "stages/data/image_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::stages {
namespace {

using ::testing::ElementsAre;

SourceScan Sample() {
  SourceScan scan;
  scan.classes = {"covid", "normal"};
  ScanEntry entry;
  entry.source = "nih";
  entry.path = "NORMAL/\xC3\xA4.png";
  entry.label = "normal";
  entry.patients = "nih";
  entry.group = "7";
  entry.use = "auto";
  entry.content = DigestOf("a");
  scan.entries.push_back(entry);
  entry.path = "copy.png";
  scan.entries.push_back(entry);
  entry.path = "bad.png";
  entry.content = {};
  entry.left_out = "the file is empty";
  scan.entries.push_back(entry);
  entry.source = "more";
  entry.external = true;
  entry.use = "external";
  entry.overlap = "keep";
  entry.left_out.clear();
  entry.content = DigestOf("b");
  entry.generator = {{"kind", "clear"}, {"patient", 3}};
  scan.entries.push_back(entry);
  return scan;
}

TEST(SourceScanTest, JsonGivesBackEveryField) {
  const SourceScan scan = Sample();
  const auto read = SourceScan::FromJson(scan.ToJson());
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->classes, scan.classes);
  ASSERT_EQ(read->entries.size(), 4u);
  const ScanEntry& last = read->entries[3];
  EXPECT_EQ(last.source, "more");
  EXPECT_TRUE(last.external);
  EXPECT_EQ(last.path, "bad.png");
  EXPECT_EQ(last.label, "normal");
  EXPECT_EQ(last.patients, "nih");
  EXPECT_EQ(last.group, "7");
  EXPECT_EQ(last.use, "external");
  EXPECT_EQ(last.overlap, "keep");
  EXPECT_EQ(last.content, DigestOf("b"));
  EXPECT_EQ(last.generator.at("patient"), 3);
  EXPECT_TRUE(read->entries[0].generator.is_null());
  EXPECT_EQ(read->entries[2].left_out, "the file is empty");
  EXPECT_EQ(read->ToJson(), scan.ToJson());
}

TEST(SourceScanTest, JsonOfSomethingElseIsCorrupt) {
  Json json = Sample().ToJson();
  json["entries"][1].erase("label");
  EXPECT_EQ(SourceScan::FromJson(json).status().code(), StatusCode::kCorrupt);
  json = Sample().ToJson();
  json["entries"][1]["content"] = "not hex";
  EXPECT_FALSE(SourceScan::FromJson(json).ok());
  EXPECT_FALSE(SourceScan::FromJson(Json::array()).ok());
  EXPECT_FALSE(SourceScan::FromJson(Json("text")).ok());
}

TEST(SourceScanTest, UniqueContentsAreTheFirstUsableOfEach) {
  EXPECT_THAT(UniqueContents(Sample()), ElementsAre(0, 3));
}

}  // namespace
}  // namespace besom::stages
