#include "stages/data/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <set>

#include "tests/stages/data/ingest/temp_folder.h"

namespace besom::stages {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

/// Counts how often files are looked up and found.
class CountingDigests final : public ContentDigests {
 public:
  std::optional<Digest> Find(const Path& path, const FileStat& stat) override {
    auto found = inner_.Find(path, stat);
    hits += found.has_value();
    return found;
  }
  void Store(const Path& path, const FileStat& stat,
             const Digest& digest) override {
    ++stored;
    inner_.Store(path, stat, digest);
  }
  int hits = 0;
  int stored = 0;

 private:
  MemoryContentDigests inner_;
};

class ScanTest : public ::testing::Test {
 protected:
  Json Folder() const {
    return {{"name", "kaggle"},
            {"format", "image_folder"},
            {"path", "set"},
            {"labels", {{"NORMAL", "normal"}, {"PNEUMONIA", "pneumonia"}}}};
  }
  Json Table() const {
    return {{"name", "cohen"},
            {"format", "metadata_csv"},
            {"path", "set"},
            {"image_folder", "images"},
            {"image_column", "filename"},
            {"label", "covid"}};
  }
  /// Scans one source, and external sets if any are given.
  Result<SourceScan> Scan(const Json& source,
                          const Json& external = Json::array()) {
    const Json ingest = {{"classes", {"covid", "normal", "pneumonia"}},
                         {"limit_per_class", limit_},
                         {"sources", Json::array({source})}};
    return ScanSources(ingest, external, digests_,
                       {.seed = seed_,
                        .threads = threads_,
                        .base_folder = folder_.path(),
                        .phantom = phantom_});
  }
  /// Path -> label/group, or the reason it is left out.
  std::map<std::string, std::string> Summary(const Result<SourceScan>& scan) {
    std::map<std::string, std::string> summary;
    EXPECT_TRUE(scan.ok()) << scan.status().ToString();
    if (!scan.ok()) return summary;
    for (const ScanEntry& entry : scan->entries)
      summary[entry.path] = entry.left_out.empty()
                                ? entry.label + "/" + entry.group
                                : entry.left_out;
    return summary;
  }
  void WriteCsv(std::string_view text) {
    folder_.Write("set/metadata.csv", text);
  }
  void WriteImage(const std::string& name) {
    folder_.Write("set/images/" + name, "pixels of " + name);
  }
  static std::string ErrorOf(const Result<SourceScan>& scan) {
    EXPECT_EQ(scan.status().code(), StatusCode::kInvalid);
    return scan.status().ToString();
  }

  besom::testing::TempFolder folder_;
  CountingDigests digests_;
  PhantomScan phantom_;
  int limit_ = 0;
  int threads_ = 1;
  std::uint64_t seed_ = 1;
};

TEST_F(ScanTest, FolderNamesAreLabelsAtAnyDepth) {
  folder_.Write("set/NORMAL/b.jpeg", "1");
  folder_.Write("set/NORMAL/more/a.png", "2");
  folder_.Write("set/PNEUMONIA/c.JPG", "3");
  folder_.Write("set/covid/d.png", "4");
  EXPECT_THAT(
      Summary(Scan(Folder())),
      ElementsAre(Pair("NORMAL/b.jpeg", "normal/kaggle/NORMAL/b.jpeg"),
                  Pair("NORMAL/more/a.png", "normal/kaggle/NORMAL/more/a.png"),
                  Pair("PNEUMONIA/c.JPG", "pneumonia/kaggle/PNEUMONIA/c.JPG"),
                  Pair("covid/d.png", "covid/kaggle/covid/d.png")));
}

TEST_F(ScanTest, WhatCannotBeUsedIsListedWithItsReason) {
  folder_.Write("set/NORMAL/a.png", "1");
  folder_.Write("set/NORMAL/.DS_Store", "litter");
  folder_.Write("set/NORMAL/._a.png", "litter");
  folder_.Write("set/NORMAL/Thumbs.db", "litter");
  folder_.Write("set/NORMAL/notes.txt", "text");
  folder_.Write("set/NORMAL/empty.png", "");
  folder_.Write("set/NORMAL/\xFF\xE9.png", "1");
  folder_.Write("set/OTHER/x.png", "1");
  folder_.Write("set/readme.png", "1");
  std::filesystem::create_symlink("nowhere",
                                  folder_.path() / "set/NORMAL/gone.png");
  std::filesystem::create_directory_symlink("..",
                                            folder_.path() / "set/NORMAL/loop");
  ASSERT_EQ(::mkfifo((folder_.path() / "set/NORMAL/pipe.png").c_str(), 0600),
            0);
  const auto summary = Summary(Scan(Folder()));
  EXPECT_EQ(summary.size(), 9u);
  EXPECT_EQ(summary.at("NORMAL/a.png"), "normal/kaggle/NORMAL/a.png");
  EXPECT_EQ(summary.at("NORMAL/notes.txt"), "not an image that besom reads");
  EXPECT_EQ(summary.at("NORMAL/empty.png"), "the file is empty");
  EXPECT_EQ(summary.at("NORMAL/\\xff\\xe9.png"), "its name is not UTF-8");
  EXPECT_EQ(summary.at("OTHER/x.png"),
            "its label 'OTHER' is neither in `labels` nor a class");
  EXPECT_EQ(summary.at("readme.png"),
            "it is not within a folder named as its label");
  EXPECT_THAT(summary.at("NORMAL/gone.png"), HasSubstr("link to nothing"));
  EXPECT_EQ(summary.at("NORMAL/loop"), "a link back to a folder above it");
  EXPECT_EQ(summary.at("NORMAL/pipe.png"), "not a regular file");
}

TEST_F(ScanTest, LabelsMayLeaveAFolderOut) {
  folder_.Write("set/NORMAL/a.png", "1");
  folder_.Write("set/BAD/b.png", "2");
  Json source = Folder();
  source["labels"]["BAD"] = nullptr;
  EXPECT_EQ(Summary(Scan(source)).at("BAD/b.png"), "`labels` leaves 'BAD' out");
}

TEST_F(ScanTest, TheFirstGroupOfThePatternThatMatchedCounts) {
  folder_.Write("set/PNEUMONIA/person1_bacteria_1.jpeg", "1");
  folder_.Write("set/PNEUMONIA/person1_bacteria_2.jpeg", "2");
  folder_.Write("set/NORMAL/IM-0115-0001.jpeg", "3");
  folder_.Write("set/NORMAL/NORMAL2-IM-0115-0001.jpeg", "4");
  Json source = Folder();
  source["group_pattern"] = "^person(\\d+)_|^(IM-\\d+)-|^NORMAL2-(IM-\\d+)-";
  EXPECT_THAT(
      Summary(Scan(source)),
      ElementsAre(Pair("NORMAL/IM-0115-0001.jpeg", "normal/IM-0115"),
                  Pair("NORMAL/NORMAL2-IM-0115-0001.jpeg", "normal/IM-0115"),
                  Pair("PNEUMONIA/person1_bacteria_1.jpeg", "pneumonia/1"),
                  Pair("PNEUMONIA/person1_bacteria_2.jpeg", "pneumonia/1")));
}

TEST_F(ScanTest, ANameThatThePatternDoesNotMatchIsAnErrorOrItsOwnGroup) {
  folder_.Write("set/NORMAL/7_a.png", "1");
  folder_.Write("set/NORMAL/other.png", "2");
  Json source = Folder();
  source["group_pattern"] = "^(\\d+)_";
  EXPECT_THAT(ErrorOf(Scan(source)),
              AllOf(HasSubstr("ingest.sources.0.group_pattern"),
                    HasSubstr("NORMAL/other.png"), HasSubstr("1 of 2"),
                    HasSubstr("group_unmatched: own")));
  source["group_unmatched"] = "own";
  EXPECT_EQ(Summary(Scan(source)).at("NORMAL/other.png"),
            "normal/kaggle/NORMAL/other.png");
}

TEST_F(ScanTest, BadPatternsAreErrors) {
  folder_.Write("set/NORMAL/a.png", "1");
  Json source = Folder();
  source["group_pattern"] = "^(\\d+";
  EXPECT_THAT(ErrorOf(Scan(source)), HasSubstr("missing )"));
  source["group_pattern"] = "^\\d+";
  EXPECT_THAT(ErrorOf(Scan(source)), HasSubstr("no capture group"));
}

TEST_F(ScanTest, TableRowsAndFilesAreMatched) {
  WriteCsv(
      "\xEF\xBB\xBFpatientid,view,finding,filename,notes\r\n"
      "2,PA,Pneumonia/Viral/COVID-19,a.png,\"two\r\nlines, \"\"quoted\"\"\"\r\n"
      "2,AP Supine,\"COVID-19, ARDS\",b.png,\r\n"
      "\r\n"
      "3,L,COVID-19,lateral.png,\r\n"
      "3,L,COVID-19,lateral-missing.png,\r\n"
      "4,PA,Pneumonia/Bacterial,other.png,\r\n"
      "5,PA,COVID-19,missing.png,\r\n"
      "6,PA,COVID-19,scan.nii.gz,\r\n"
      "7,PA,COVID-19,../../etc/x.png,\r\n"
      "8,PA,COVID-19,\"\",short row\r\n"
      "9,PA,COVID-19,c.png\r\n");
  for (const char* name : {"a.png", "b.png", "c.png", "lateral.png",
                           "other.png", "scan.nii.gz", "rowless.png"})
    WriteImage(name);
  WriteImage("notes.txt");
  Json source = Table();
  source["where"] = {{"finding", {"*COVID-19*"}}, {"view", {"PA", "AP*"}}};
  source["group_column"] = "patientid";
  EXPECT_THAT(
      Summary(Scan(source)),
      ElementsAre(
          Pair("../../etc/x.png", "its path leads out of the images' folder"),
          Pair("a.png", "covid/2"), Pair("b.png", "covid/2"),
          Pair("c.png", "covid/9"),
          Pair("lateral.png", "`where` leaves it out: view is 'L'"),
          Pair("line 12", "its row names no file"),
          Pair("missing.png",
               "metadata.csv names it, but there is no such file"),
          Pair("notes.txt", "not an image that besom reads"),
          Pair("other.png",
               "`where` leaves it out: finding is 'Pneumonia/Bacterial'"),
          Pair("rowless.png", "no row of metadata.csv names it"),
          Pair("scan.nii.gz", "not an image that besom reads")));
}

TEST_F(ScanTest, LabelColumnGoesThroughLabels) {
  WriteCsv(
      "filename,finding\na.png,No Finding\nb.png,normal\n"
      "c.png,Tumour\nd.png,\ne.png,Unsure\n");
  for (const char* name : {"a.png", "b.png", "c.png", "d.png", "e.png"})
    WriteImage(name);
  Json source = Table();
  source.erase("label");
  source["label_column"] = "finding";
  source["labels"] = {{"No Finding", "normal"}, {"Unsure", nullptr}};
  EXPECT_THAT(
      Summary(Scan(source)),
      ElementsAre(Pair("a.png", "normal/cohen/a.png"),
                  Pair("b.png", "normal/cohen/b.png"),
                  Pair("c.png",
                       "its label 'Tumour' is neither in `labels` nor a class"),
                  Pair("d.png", "it has no label"),
                  Pair("e.png", "`labels` leaves 'Unsure' out")));
}

TEST_F(ScanTest, RowsAboutOneImageMustAgree) {
  WriteCsv(
      "filename,finding,p,view\n"
      "same.png,normal,1,PA\nsame.png,normal,1,PA\n"
      "torn.png,normal,1,PA\ntorn.png,covid,1,PA\n"
      "groups.png,normal,1,PA\ngroups.png,normal,2,PA\n"
      "half.png,covid,1,L\nhalf.png,normal,1,PA\n");
  for (const char* name : {"same.png", "torn.png", "groups.png", "half.png"})
    WriteImage(name);
  Json source = Table();
  source.erase("label");
  source["label_column"] = "finding";
  source["group_column"] = "p";
  source["where"] = {{"view", "PA"}};
  EXPECT_THAT(
      Summary(Scan(source)),
      ElementsAre(Pair("groups.png",
                       "lines 6 and 7 of the CSV file disagree on its "
                       "group: '1' and '2'"),
                  Pair("half.png", "normal/1"), Pair("same.png", "normal/1"),
                  Pair("torn.png",
                       "lines 4 and 5 of the CSV file disagree on its "
                       "label: 'normal' and 'covid'")));
}

TEST_F(ScanTest, AnEmptyGroupCellFollowsGroupUnmatched) {
  WriteCsv("filename,p\na.png,1\nb.png,\n");
  WriteImage("a.png");
  WriteImage("b.png");
  Json source = Table();
  source["group_column"] = "p";
  EXPECT_THAT(ErrorOf(Scan(source)), HasSubstr("b.png"));
  source["group_unmatched"] = "own";
  EXPECT_EQ(Summary(Scan(source)).at("b.png"), "covid/cohen/b.png");
}

TEST_F(ScanTest, CsvNamesPathsBesideItself) {
  folder_.Write("lists/list.csv",
                "file,class\nsub/a.png,normal\n./b.png,covid\n");
  folder_.Write("lists/sub/a.png", "1");
  folder_.Write("lists/b.png", "2");
  folder_.Write("lists/unlisted.png", "3");
  const Json source = {{"name", "own"},
                       {"format", "csv"},
                       {"path", "lists/list.csv"},
                       {"image_column", "file"},
                       {"label_column", "class"}};
  EXPECT_THAT(Summary(Scan(source)),
              ElementsAre(Pair("b.png", "covid/own/b.png"),
                          Pair("sub/a.png", "normal/own/sub/a.png")));
}

TEST_F(ScanTest, MissingThingsAreNamed) {
  EXPECT_THAT(ErrorOf(Scan(Folder())),
              AllOf(HasSubstr("ingest.sources.0.path"),
                    HasSubstr("does not exist"), HasSubstr("cure")));
  WriteImage("a.png");
  EXPECT_THAT(ErrorOf(Scan(Table())), HasSubstr("metadata.csv"));
  WriteCsv("filename,view\na.png,PA\n");
  Json source = Table();
  source["image_folder"] = "pictures";
  EXPECT_THAT(ErrorOf(Scan(source)),
              HasSubstr("ingest.sources.0.image_folder"));
  source = Table();
  source["group_column"] = "patientid";
  EXPECT_THAT(
      ErrorOf(Scan(source)),
      AllOf(HasSubstr("ingest.sources.0.group_column"),
            HasSubstr("no column 'patientid'"), HasSubstr("filename, view")));
  source = Table();
  source["where"] = {{"modality", "X-ray"}};
  EXPECT_THAT(ErrorOf(Scan(source)), HasSubstr("no column 'modality'"));
}

TEST_F(ScanTest, BrokenCsvFilesNameTheLine) {
  WriteImage("a.png");
  WriteCsv("filename,view\na.png,PA\nb.png,\"open\n");
  EXPECT_THAT(ErrorOf(Scan(Table())), HasSubstr("ends within a quoted cell"));
  WriteCsv("filename,view\na.png,PA\nb.png,PA,more\n");
  EXPECT_THAT(ErrorOf(Scan(Table())),
              AllOf(HasSubstr("metadata.csv:3"), HasSubstr("3 cells")));
  WriteCsv("filename,view\na.png,\"x\"y\n");
  EXPECT_THAT(ErrorOf(Scan(Table())), HasSubstr("metadata.csv:2"));
  WriteCsv("");
  EXPECT_THAT(ErrorOf(Scan(Table())), HasSubstr("no header"));
  WriteCsv("filename,filename\na.png,b.png\n");
  EXPECT_THAT(ErrorOf(Scan(Table())), HasSubstr("more than one column"));
}

TEST_F(ScanTest, ASourceWithoutAnyUsableImageSaysWhy) {
  WriteImage("a.png");
  WriteCsv("filename,view\na.png,L\n");
  Json source = Table();
  source["where"] = {{"view", {"PA"}}};
  EXPECT_THAT(ErrorOf(Scan(source)), AllOf(HasSubstr("none of the 1 images"),
                                           HasSubstr("view is 'L'")));
}

TEST_F(ScanTest, UnknownClassesAndFormatsAreRefused) {
  folder_.Write("set/NORMAL/a.png", "1");
  Json source = Folder();
  source["labels"]["NORMAL"] = "norml";
  EXPECT_THAT(ErrorOf(Scan(source)),
              AllOf(HasSubstr("'norml'"), HasSubstr("covid, normal")));
  source = Folder();
  source["format"] = "idx";
  EXPECT_THAT(ErrorOf(Scan(source)), HasSubstr("not built yet"));
  source = Table();
  source.erase("label");
  EXPECT_THAT(ErrorOf(Scan(source)), HasSubstr("which class"));
}

TEST_F(ScanTest, UnchangedFilesAreNotReadAgain) {
  folder_.Write("set/NORMAL/a.png", "1");
  folder_.Write("set/NORMAL/b.png", "2");
  const auto first = Scan(Folder());
  EXPECT_EQ(digests_.stored, 2);
  folder_.Write("set/NORMAL/b.png", "other");
  const auto second = Scan(Folder());
  EXPECT_EQ(digests_.hits, 1);
  EXPECT_EQ(digests_.stored, 3);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(second->entries[0].content, DigestOf("1"));
  EXPECT_EQ(second->entries[1].content, DigestOf("other"));
}

TEST_F(ScanTest, ThreadsDoNotChangeTheResult) {
  for (int i = 0; i < 50; ++i)
    folder_.Write("set/NORMAL/" + std::to_string(i) + ".png",
                  std::string(static_cast<std::size_t>(i), 'x'));
  const auto one = Scan(Folder());
  threads_ = 4;
  digests_ = {};
  const auto four = Scan(Folder());
  ASSERT_TRUE(one.ok() && four.ok());
  EXPECT_EQ(one->ToJson(), four->ToJson());
  EXPECT_EQ(one->absolute_paths, four->absolute_paths);
  EXPECT_EQ(digests_.stored, 49);
}

TEST_F(ScanTest, ExternalSetsComeLastAndKeepTheirOverlapRule) {
  folder_.Write("set/NORMAL/a.png", "1");
  folder_.Write("out/NORMAL/a.png", "2");
  Json external = Folder();
  external["name"] = "held";
  external["path"] = "out";
  external["patients"] = "kaggle";
  external["overlap"] = "keep";
  const auto scan = Scan(Folder(), Json::array({external}));
  ASSERT_TRUE(scan.ok()) << scan.status().ToString();
  ASSERT_EQ(scan->entries.size(), 2u);
  EXPECT_EQ(scan->entries[0].use, "auto");
  EXPECT_EQ(scan->entries[0].patients, "kaggle");
  EXPECT_EQ(scan->entries[1].source, "held");
  EXPECT_TRUE(scan->entries[1].external);
  EXPECT_EQ(scan->entries[1].use, "external");
  EXPECT_EQ(scan->entries[1].overlap, "keep");
  EXPECT_EQ(scan->entries[1].patients, "kaggle");
  EXPECT_EQ(scan->absolute_paths[1],
            (folder_.path() / "out/NORMAL/a.png").string());
}

/// Twelve patients of one class with one to three images each.
class LimitTest : public ScanTest {
 protected:
  LimitTest() {
    for (int patient = 0; patient < 12; ++patient)
      for (int i = 0; i <= patient % 3; ++i)
        folder_.Write("set/NORMAL/" + std::to_string(patient) + "_" +
                          std::to_string(i) + ".png",
                      "x");
    source_ = Folder();
    source_["group_pattern"] = "^(\\d+)_";
  }
  /// Groups that are kept, each with its number of images.
  std::map<std::string, int> Kept() {
    std::map<std::string, int> kept;
    const auto scan = Scan(source_);
    EXPECT_TRUE(scan.ok()) << scan.status().ToString();
    if (!scan.ok()) return kept;
    for (const ScanEntry& entry : scan->entries)
      if (entry.left_out.empty()) ++kept[entry.group];
    return kept;
  }
  Json source_;
};

TEST_F(LimitTest, TakesWholeGroupsUpToTheLimit) {
  limit_ = 10;
  int images = 0;
  for (const auto& [group, count] : Kept()) {
    EXPECT_EQ(count, std::stoi(group) % 3 + 1) << group;
    images += count;
  }
  EXPECT_LE(images, 10);
  EXPECT_GE(images, 8);
}

TEST_F(LimitTest, DependsOnTheSeedOnly) {
  limit_ = 10;
  const auto first = Kept();
  EXPECT_EQ(Kept(), first);
  std::set<std::map<std::string, int>> seen;
  for (seed_ = 2; seed_ < 8; ++seed_) seen.insert(Kept());
  EXPECT_GT(seen.size(), 1u);
}

TEST_F(LimitTest, LeavesExternalSetsAlone) {
  limit_ = 1;
  Json external = source_;
  external["name"] = "held";
  const auto scan = Scan(source_, Json::array({external}));
  ASSERT_TRUE(scan.ok()) << scan.status().ToString();
  int kept = 0;
  int external_kept = 0;
  for (const ScanEntry& entry : scan->entries)
    if (entry.left_out.empty()) ++(entry.external ? external_kept : kept);
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(external_kept, 24);
}

TEST_F(ScanTest, PhantomsAreListedAsTheFunctorSays) {
  phantom_ = [](const Json& source, const std::vector<std::string>& classes)
      -> Result<std::vector<ScanEntry>> {
    ScanEntry entry;
    entry.path = "patient002/1.png";
    entry.label = classes[1];
    entry.group = "2";
    entry.generator = {{"patient", 2}, {"size", source.at("size")}};
    entry.content = DigestOfJson(entry.generator);
    std::vector<ScanEntry> entries{entry};
    entry.path = "patient001/1.png";
    entry.group = "1";
    entries.push_back(entry);
    return entries;
  };
  const auto scan =
      Scan({{"name", "demo"}, {"format", "phantom"}, {"size", 64}});
  EXPECT_THAT(Summary(scan), ElementsAre(Pair("patient001/1.png", "normal/1"),
                                         Pair("patient002/1.png", "normal/2")));
  EXPECT_EQ(scan->entries[1].generator.at("size"), 64);
  EXPECT_EQ(scan->entries[1].patients, "demo");
  EXPECT_EQ(scan->absolute_paths[1], "");
  phantom_ = nullptr;
  EXPECT_FALSE(Scan({{"name", "demo"}, {"format", "phantom"}}).ok());
}

}  // namespace
}  // namespace besom::stages
