#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "split_fixture.h"
#include "stages/data/pixel_shard.h"

namespace besom::stages {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ScanBuilder TwoClasses(int each = 20) {
  ScanBuilder builder({"a", "b"});
  AddSingles(builder, "a", each);
  AddSingles(builder, "b", each);
  return builder;
}

std::map<std::string, std::string> Sides(const SplitTable& table,
                                         std::size_t fit = 0) {
  std::map<std::string, std::string> sides;
  for (const SplitEntry& entry : table.entries)
    sides[entry.path] = entry.sets[fit];
  return sides;
}

SplitTable MustSplit(const ScanBuilder& builder, const SplitOptions& options) {
  auto table = builder.Split(options);
  EXPECT_TRUE(table.ok()) << table.status().ToString();
  return table.ok() ? *table : SplitTable{};
}

std::string ErrorOf(const ScanBuilder& builder, const SplitOptions& options) {
  const auto table = builder.Split(options);
  EXPECT_FALSE(table.ok());
  EXPECT_EQ(table.status().code(), StatusCode::kInvalid);
  EXPECT_FALSE(table.status().cure().empty());
  return table.status().ToString();
}

TEST(SplitTooFew, NamesTheClassAndTheParts) {
  ScanBuilder builder = TwoClasses();
  builder.scan.classes = {"a", "b", "rare"};
  builder.Add("s", "r1", "rare", "one patient");
  builder.Add("s", "r2", "rare", "one patient");
  builder.Add("s", "r3", "rare", "another");
  EXPECT_THAT(
      ErrorOf(builder, {}),
      AllOf(HasSubstr("'rare'"), HasSubstr("2 group(s)"),
            HasSubstr("3 image(s)"), HasSubstr("train, validation, test")));
  SplitOptions two_parts;
  two_parts.validation = 0;
  EXPECT_TRUE(builder.Split(two_parts).ok());
  SplitOptions folds;
  folds.test = 0;
  folds.folds = 5;
  EXPECT_THAT(ErrorOf(builder, folds),
              AllOf(HasSubstr("'rare'"), HasSubstr("fold 4")));
}

TEST(SplitTooFew, AClassWithoutImagesCannotTrain) {
  ScanBuilder builder = TwoClasses();
  builder.scan.classes = {"a", "b", "absent"};
  EXPECT_THAT(ErrorOf(builder, {}),
              AllOf(HasSubstr("'absent'"), HasSubstr("no training image")));
}

TEST(SplitTooFew, SmallPartsStillHoldEveryClass) {
  ScanBuilder builder({"a", "b"});
  AddSingles(builder, "a", 100);
  AddSingles(builder, "b", 3);
  const SplitTable table = MustSplit(builder, {});
  std::map<std::string, int> rare;
  for (const SplitEntry& entry : table.entries)
    if (entry.label == "b") ++rare[entry.sets[0]];
  EXPECT_EQ(rare, (std::map<std::string, int>{
                      {"train", 1}, {"validation", 1}, {"test", 1}}));
}

TEST(SplitGroups, SamePatientsIdSpaceJoinsSources) {
  ScanBuilder builder = TwoClasses();
  for (int i = 0; i < 20; ++i) {
    builder.Add("t", Name("t", i), "a", Name("b", i), "s");
  }
  const SplitTable table = MustSplit(builder, {});
  const auto sides = Sides(table);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(sides.at(Name("t", i)), sides.at(Name("b", i) + ".png"));
  EXPECT_EQ(table.receipt["groups"]["count"], 40);
  EXPECT_EQ(table.receipt["groups"]["several_classes"].size(), 20U);
  EXPECT_EQ(table.receipt["checked"], "no group on two sides");
}

TEST(SplitGroups, GroupFalseTakesImagesOneByOne) {
  ScanBuilder builder({"a"});
  for (int i = 0; i < 40; ++i)
    builder.Add("s", Name("", i), "a", "the same patient");
  SplitOptions options;
  EXPECT_THAT(ErrorOf(builder, options), HasSubstr("1 group(s)"));
  options.group = false;
  const SplitTable table = MustSplit(builder, options);
  EXPECT_EQ(table.Members("test", 0, 0).size(), 8U);
  EXPECT_EQ(table.receipt["checked"], nullptr);
  EXPECT_THAT(table.receipt["leaks"].dump(), HasSubstr("the same patient"));
}

TEST(SplitDuplicates, GroupJoinsByFileAndByPixels) {
  ScanBuilder builder = TwoClasses();
  builder.scan.entries[3].content = builder.scan.entries[7].content;
  DecodingOutcomes decoded = builder.Decoded();
  decoded[builder.scan.entries[12].content].pixels =
      decoded[builder.scan.entries[7].content].pixels;
  const auto table =
      ComputeSplit(builder.scan, builder.scan.classes, decoded, {});
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  EXPECT_EQ(table->entries[3].sets[0], table->entries[7].sets[0]);
  EXPECT_EQ(table->entries[12].sets[0], table->entries[7].sets[0]);
  EXPECT_EQ(table->receipt["duplicates"]["images"], 3);
  EXPECT_EQ(table->receipt["duplicates"]["listed"][0],
            Json({"s/a3.png", "s/a7.png", "s/a12.png"}));
  EXPECT_EQ(table->receipt["groups"]["joined_by_duplicates"].size(), 1U);
}

TEST(SplitDuplicates, DropKeepsTheFirst) {
  ScanBuilder builder = TwoClasses();
  builder.scan.entries[7].content = builder.scan.entries[3].content;
  SplitOptions options;
  options.duplicates = SplitOptions::Duplicates::kDrop;
  const SplitTable table = MustSplit(builder, options);
  EXPECT_EQ(table.entries[3].left_out, "");
  EXPECT_EQ(table.entries[7].left_out, "duplicate (of s/a3.png)");
  EXPECT_EQ(table.entries[7].sets[0], "");
  EXPECT_EQ(table.receipt["left_out"], Json({{"duplicate", 1}}));
}

TEST(SplitDuplicates, ErrorNamesBoth) {
  ScanBuilder builder = TwoClasses();
  builder.scan.entries[7].content = builder.scan.entries[3].content;
  SplitOptions options;
  options.duplicates = SplitOptions::Duplicates::kError;
  EXPECT_THAT(ErrorOf(builder, options),
              AllOf(HasSubstr("s/a7.png"), HasSubstr("s/a3.png")));
}

TEST(SplitBadImages, AreLeftOutOrFail) {
  ScanBuilder builder = TwoClasses();
  DecodingOutcomes decoded = builder.Decoded();
  decoded[builder.scan.entries[5].content].error = "cut short";
  builder.scan.entries[6].left_out = "no row";
  SplitOptions options;
  const auto table =
      ComputeSplit(builder.scan, builder.scan.classes, decoded, options);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->entries[5].left_out, "cut short");
  EXPECT_EQ(table->entries[6].left_out, "no row");
  EXPECT_EQ(table->receipt["used"], 38);
  options.fail_on_bad_image = true;
  const auto failed =
      ComputeSplit(builder.scan, builder.scan.classes, decoded, options);
  EXPECT_THAT(failed.status().ToString(),
              AllOf(HasSubstr("s/a5.png"), HasSubstr("cut short")));
}

TEST(SplitUse, FixesWholeSources) {
  ScanBuilder builder = TwoClasses();
  for (int i = 0; i < 10; ++i)
    for (const char* label : {"a", "b"})
      builder.Add("held", Name(label, i), label, Name(label, i)).use = "test";
  const SplitTable table = MustSplit(builder, {});
  for (const SplitEntry& entry : table.entries)
    EXPECT_TRUE(entry.source != "held" || entry.sets[0] == "test");
  // Shares are of all 60 images: 12 for the test set, 20 of which it has.
  EXPECT_EQ(table.Members("test", 0, 0).size(), 20U);
  EXPECT_EQ(table.Members("validation", 0, 0).size(), 10U);
}

TEST(SplitUse, OtherImagesOfAGroupFollow) {
  ScanBuilder builder = TwoClasses();
  builder.Add("held", "x", "a", "a0", "s");
  builder.scan.entries.back().use = "test";
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SplitOptions options;
    options.seed = seed;
    EXPECT_EQ(Sides(MustSplit(builder, options)).at("a0.png"), "test");
  }
}

TEST(SplitUse, AGroupOnTwoSidesIsAnErrorOrALeak) {
  ScanBuilder builder = TwoClasses();
  builder.Add("one", "x", "a", "p9", "shared");
  builder.scan.entries.back().use = "train";
  builder.Add("two", "y", "a", "p9", "shared");
  builder.scan.entries.back().use = "test";
  SplitOptions options;
  EXPECT_THAT(ErrorOf(builder, options),
              AllOf(HasSubstr("'shared/p9'"), HasSubstr("one/x is train"),
                    HasSubstr("two/y is test")));
  options.group = false;
  const SplitTable table = MustSplit(builder, options);
  EXPECT_EQ(Sides(table).at("x"), "train");
  EXPECT_EQ(Sides(table).at("y"), "test");
  EXPECT_THAT(table.receipt["leaks"].dump(),
              HasSubstr("group shared/p9 is in train and test"));
}

TEST(SplitUse, ValidationFoldsNeedNoValidationSource) {
  ScanBuilder builder = TwoClasses();
  builder.scan.entries[0].use = "validation";
  SplitOptions options;
  options.folds = 3;
  EXPECT_THAT(ErrorOf(builder, options), HasSubstr("use: validation"));
}

/// Lists every image of TwoClasses: 0-9 train, 10-14 validation, rest test.
std::vector<SplitRow> Rows(const ScanBuilder& builder) {
  std::vector<SplitRow> rows;
  for (std::size_t i = 0; i < builder.scan.entries.size(); ++i) {
    const std::size_t n = i % 20;
    rows.push_back({builder.scan.entries[i].path,
                    n < 10   ? "train"
                    : n < 15 ? "validation"
                             : "test",
                    std::nullopt});
  }
  return rows;
}

TEST(SplitFileRows, PlaceImagesAndReportTheRest) {
  ScanBuilder builder = TwoClasses();
  builder.Add("s", "folder/unlisted.png", "a", "u");
  builder.Add("s", "folder/listed.png", "a", "l");
  builder.scan.entries[0].left_out = "not readable";
  SplitOptions options;
  options.rows = Rows(builder);
  options.rows->erase(options.rows->end() - 2, options.rows->end());
  options.rows->push_back({"listed.png", "test", std::nullopt});
  options.rows->push_back({"nowhere.png", "test", std::nullopt});
  const SplitTable table = MustSplit(builder, options);
  const auto sides = Sides(table);
  EXPECT_EQ(sides.at("a1.png"), "train");
  EXPECT_EQ(sides.at("b12.png"), "validation");
  EXPECT_EQ(sides.at("folder/listed.png"), "test");
  EXPECT_EQ(sides.at("folder/unlisted.png"), "");
  EXPECT_EQ(table.entries[40].left_out, "not listed in split.file");
  EXPECT_THAT(
      table.receipt["warnings"].get<std::vector<std::string>>(),
      ElementsAre(HasSubstr("'a0.png', which is left out: not readable"),
                  HasSubstr("'nowhere.png', which no source has")));
}

TEST(SplitFileRows, FoldsOfTheFile) {
  ScanBuilder builder = TwoClasses();
  SplitOptions options;
  options.rows.emplace();
  options.folds = 2;
  for (const ScanEntry& entry : builder.scan.entries)
    for (int fold = 0; fold < 2; ++fold) {
      const bool even = (entry.path[1] - '0') % 2 == fold;
      options.rows->push_back({entry.path, even ? "test" : "train", fold});
    }
  const SplitTable table = MustSplit(builder, options);
  EXPECT_EQ(Sides(table, 0).at("a4.png"), "test");
  EXPECT_EQ(Sides(table, 1).at("a4.png"), "train");
  options.folds = 1;
  EXPECT_THAT(ErrorOf(builder, options), HasSubstr("at least 2"));
}

TEST(SplitFileRows, Refusals) {
  ScanBuilder builder = TwoClasses();
  builder.Add("t", "a3.png", "a", "x");
  SplitOptions options;
  options.rows = Rows(builder);
  EXPECT_THAT(
      ErrorOf(builder, options),
      AllOf(HasSubstr("s/a3.png and t/a3.png"), HasSubstr("SOURCE/PATH")));
  for (SplitRow& row : *options.rows)
    if (row.image == "a3.png") row.image = "s/a3.png";
  EXPECT_TRUE(builder.Split(options).ok());
  builder.scan.entries[3].group = builder.scan.entries[18].group;
  EXPECT_THAT(ErrorOf(builder, options),
              AllOf(HasSubstr("two given sides"), HasSubstr("s/a18")));
  options.group = false;
  EXPECT_EQ(MustSplit(builder, options).receipt["leaks"].size(), 1U);
}

/// TwoClasses with an external set: a stranger, a patient of the sources and a
/// copy of one of their pictures.
ScanBuilder WithExternal(const std::string& overlap) {
  ScanBuilder builder = TwoClasses();
  builder.AddExternal("ext", "stranger", "a", "nobody");
  builder.AddExternal("ext", "patient", "b", "a5", "s");
  builder.AddExternal("ext", "copy", "a", "somebody").content =
      builder.scan.entries[6].content;
  builder.AddExternal("ext", "sibling of the copy", "a", "somebody");
  for (ScanEntry& entry : builder.scan.entries) entry.overlap = overlap;
  // Both are trained on whatever the seed.
  builder.scan.entries[5].use = builder.scan.entries[6].use = "train";
  return builder;
}

TEST(SplitExternal, OverlapIsExcludedWithItsReason) {
  const SplitTable table = MustSplit(WithExternal("exclude"), {});
  EXPECT_THAT(table.externals, ElementsAre("ext"));
  EXPECT_EQ(table.entries[40].sets[0], "ext");
  EXPECT_EQ(table.entries[41].left_out,
            "its group is trained or validated on (s/a5, as s/a5.png)");
  EXPECT_THAT(table.entries[42].left_out, HasSubstr("duplicate"));
  EXPECT_THAT(table.entries[43].left_out, HasSubstr("s/a6.png"));
  EXPECT_EQ(table.entries[43].sets[0], "");
  EXPECT_EQ(table.receipt["externals"]["ext"]["images"], 1);
  EXPECT_EQ(table.receipt["externals"]["ext"]["left_out"], 3);
}

TEST(SplitExternal, TestOnlyOverlapStays) {
  ScanBuilder builder = WithExternal("exclude");
  builder.scan.entries[5].use = builder.scan.entries[6].use = "test";
  const SplitTable table = MustSplit(builder, {});
  for (std::size_t i = 40; i < 44; ++i)
    EXPECT_EQ(table.entries[i].sets[0], "ext") << i;
}

TEST(SplitExternal, KeepReportsAndErrorRefuses) {
  const SplitTable table = MustSplit(WithExternal("keep"), {});
  EXPECT_EQ(table.Members("ext", 0, 0).size(), 4U);
  EXPECT_EQ(table.receipt["leaks"].size(), 3U);
  EXPECT_THAT(ErrorOf(WithExternal("error"), {}), HasSubstr("patient"));
}

TEST(SplitExternal, HoldsTheSameImagesInAllFits) {
  ScanBuilder builder = TwoClasses();
  for (int i = 0; i < 20; ++i)
    builder.AddExternal("ext", Name("e", i), "a", Name("a", i), "s");
  SplitOptions options;
  options.folds = 4;
  options.test = 0;
  const SplitTable table = MustSplit(builder, options);
  EXPECT_TRUE(table.Members("ext", 0, 0).empty());
  for (std::size_t i = 40; i < 60; ++i)
    EXPECT_NE(table.entries[i].left_out, "");
}

TEST(SplitTableJson, ComesBackEqual) {
  const SplitTable table = MustSplit(WithExternal("exclude"), {});
  const auto back = SplitTable::FromJson(table.ToJson());
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ(CanonicalText(back->ToJson()), CanonicalText(table.ToJson()));
  EXPECT_EQ(back->ClassIndex("b"), 1);
  EXPECT_TRUE(back->IsEverTrained(5));
  EXPECT_FALSE(back->IsEverTrained(40));
  Json broken = table.ToJson();
  broken["entries"][3].erase("sets");
  EXPECT_EQ(SplitTable::FromJson(broken).status().code(), StatusCode::kCorrupt);
  broken = table.ToJson();
  broken["folds"] = 2;
  EXPECT_EQ(SplitTable::FromJson(broken).status().code(), StatusCode::kCorrupt);
}

TEST(SplitStageRun, ReadsScanAndPixels) {
  ScanBuilder builder = TwoClasses();
  std::vector<PixelRecord> records(builder.scan.entries.size());
  std::vector<std::vector<std::uint8_t>> pixels;
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].content = builder.scan.entries[i].content;
    records[i].channels = 1;
    pixels.push_back({static_cast<std::uint8_t>(i == 1 ? 0 : i)});
  }
  records[9].error = "torn";
  pixels[9].clear();
  ArtifactMap artifacts;
  artifacts["scan"] = {
      Artifact::FromBytes(CanonicalText(builder.scan.ToJson()))};
  artifacts["pixels"] = {
      Artifact::FromBytes(PixelShard::Pack(1, records, pixels))};
  Json params = {{"split",
                  {{"test", 0.2},
                   {"validation", 0.2},
                   {"stratify", true},
                   {"group", true},
                   {"folds", 1},
                   {"repeats", 1}}},
                 {"classes", {"a", "b"}},
                 {"duplicates", "group"},
                 {"seed", 3}};
  const Json hints = Json::object();
  const std::function<bool(double)> go_on = [](double) { return false; };
  SplitStage stage;
  auto output = stage.Run({params, hints, artifacts, go_on});
  ASSERT_TRUE(output.ok()) << output.status().ToString();
  const auto json = ParseJson(output->blobs.at("split"), "split");
  const auto table = SplitTable::FromJson(*json);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->entries[9].left_out, "torn");
  EXPECT_EQ(table->receipt["duplicates"]["images"], 2);
  params["split"]["test"] = 0.9;
  EXPECT_EQ(stage.Run({params, hints, artifacts, go_on}).status().code(),
            StatusCode::kInvalid);
  params["split"].erase("test");
  EXPECT_EQ(stage.Run({params, hints, artifacts, go_on}).status().code(),
            StatusCode::kInvalid);
}

}  // namespace
}  // namespace besom::stages
