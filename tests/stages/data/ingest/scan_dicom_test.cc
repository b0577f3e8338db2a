#include "stages/data/scan_dicom.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "stages/data/scan.h"
#include "tests/stages/data/ingest/temp_folder.h"
#include "tests/stages/data/ingest/tiny_dicom.h"

namespace besom::stages {
namespace {

using besom::testing::DicomElement;
using besom::testing::DicomFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

class ScanDicomTest : public ::testing::Test {
 protected:
  /// A file without whole pixels: scanning must not need them.
  void Put(const std::string& name, const std::string& instance,
           const std::string& part, const std::string& patient) {
    std::string data = DicomElement(0x0008, 0x0018, "UI", instance);
    data += DicomElement(0x0010, 0x0020, "LO", patient);
    data += DicomElement(0x0018, 0x0015, "CS", part);
    std::string pixels = DicomElement(0x7FE0, 0x0010, "OW", "");
    pixels.replace(8, 4, std::string("\0\0\1\0", 4));
    folder_.Write("set/" + name, DicomFile(data + pixels) + name);
  }
  Json Source() const {
    return {{"name", "clinic"},
            {"format", "dicom_folder"},
            {"path", "set"},
            {"label_tag", "BodyPartExamined"},
            {"labels", {{"CHEST", "normal"}, {"HAND", nullptr}}}};
  }
  Result<SourceScan> Scan(const Json& source, const std::string& key = "") {
    MemoryContentDigests digests;
    const Json ingest = {{"classes", {"covid", "normal"}},
                         {"sources", Json::array({source})}};
    ScanOptions options;
    options.threads = 3;
    options.base_folder = folder_.path();
    options.patient_key = key;
    return ScanSources(ingest, Json::array(), digests, options);
  }
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
  std::string ErrorOf(const Result<SourceScan>& scan) {
    EXPECT_EQ(scan.status().code(), StatusCode::kInvalid);
    return scan.status().ToString();
  }

  besom::testing::TempFolder folder_;
};

TEST_F(ScanDicomTest, LabelsByTagAndGroupsByDigest) {
  Put("a.dcm", "1.2.1", "CHEST", "Smith");
  Put("deep/IM1", "1.2.2", "CHEST", "Smith");
  Put("1.2.840.1", "1.2.3", "covid", "Jones");
  Put("hand", "1.2.4", "HAND", "Smith");
  Put("none", "1.2.5", "", "Smith");
  Put("foot", "1.2.6", "FOOT", "Smith");
  folder_.Write("set/notes.txt", "no image");
  const std::string smith = PatientDigest("", "clinic", "Smith");
  EXPECT_EQ(smith.size(), 16u);
  EXPECT_THAT(
      Summary(Scan(Source())),
      ElementsAre(
          Pair("1.2.840.1", "covid/" + PatientDigest("", "clinic", "Jones")),
          Pair("a.dcm", "normal/" + smith), Pair("deep/IM1", "normal/" + smith),
          Pair("foot", "its label 'FOOT' is neither in `labels` nor a class"),
          Pair("hand", "`labels` leaves 'HAND' out"),
          Pair("none", "it has no label"),
          Pair("notes.txt", "not a DICOM file")));
}

TEST_F(ScanDicomTest, NothingOfAPatientIsKeptUnasked) {
  Put("a.dcm", "1.2.1", "CHEST", "Smith");
  Put("b.dcm", "1.2.2", "CHEST", "Jones");
  Put("c.dcm", "1.2.3", "HAND", "Jones");
  Json source = Source();
  source["where"] = {{"PatientID", "Smi*"}};
  const auto scan = Scan(source);
  ASSERT_TRUE(scan.ok());
  EXPECT_THAT(scan->ToJson().dump(),
              AllOf(Not(HasSubstr("Smith")), Not(HasSubstr("Jones"))));
  EXPECT_EQ(Summary(scan)["b.dcm"], "`where` leaves it out by PatientID");
  source = Source();
  source["label_tag"] = "(0010,0020)";
  source["labels"] = {{"Smith", "normal"}};
  EXPECT_EQ(Summary(Scan(source))["b.dcm"],
            "its (0010,0020) stands for no class");
}

TEST_F(ScanDicomTest, PlainIdsWhereAskedFor) {
  Put("a.dcm", "1.2.1", "CHEST", "Smith");
  Json source = Source();
  source["store_patient_ids"] = true;
  EXPECT_EQ(Summary(Scan(source))["a.dcm"], "normal/Smith");
}

TEST_F(ScanDicomTest, DigestsDependOnKeyAndIdSpace) {
  const std::string one = PatientDigest("", "clinic", "Smith");
  EXPECT_NE(one, PatientDigest("key", "clinic", "Smith"));
  EXPECT_NE(one, PatientDigest("", "other", "Smith"));
  EXPECT_NE(one, PatientDigest("", "clinic", "Jones"));
  Put("a.dcm", "1.2.1", "CHEST", "Smith");
  EXPECT_EQ(Summary(Scan(Source(), "key"))["a.dcm"],
            "normal/" + PatientDigest("key", "clinic", "Smith"));
}

TEST_F(ScanDicomTest, ATableNamesThemByPathNameOrInstance) {
  Put("x/a.dcm", "1.2.1", "CHEST", "p1");
  Put("x/b.dcm", "1.2.2", "CHEST", "p2");
  Put("y/b.dcm", "1.2.3", "CHEST", "p3");
  Put("y/c.dcm", "1.2.4", "CHEST", "p4");
  Put("y/d.dcm", "1.2.5", "CHEST", "p5");
  folder_.Write("labels.csv",
                "filename,finding,id\na.dcm,covid,7\nx/b.dcm,normal,8\n"
                "1.2.3,normal,8\nc.dcm,flu,9\nb.dcm,covid,1\ngone.dcm,covid,"
                "2\n");
  const Json source = {{"name", "clinic"},
                       {"format", "dicom_folder"},
                       {"path", "set"},
                       {"table", "labels.csv"},
                       {"label_column", "finding"},
                       {"group_column", "id"}};
  EXPECT_THAT(
      Summary(Scan(source)),
      ElementsAre(
          Pair("b.dcm", "labels.csv names it, but there is no such file"),
          Pair("gone.dcm", "labels.csv names it, but there is no such file"),
          Pair("x/a.dcm", "covid/7"), Pair("x/b.dcm", "normal/8"),
          Pair("y/b.dcm", "normal/8"),
          Pair("y/c.dcm", "its label 'flu' is neither in `labels` nor a class"),
          Pair("y/d.dcm", "no row of labels.csv names it")));
}

TEST_F(ScanDicomTest, AnImageWithoutAPatientIsAnErrorOrItsOwnGroup) {
  Put("a.dcm", "1.2.1", "CHEST", "");
  EXPECT_THAT(ErrorOf(Scan(Source())), HasSubstr("group_tag"));
  Json source = Source();
  source["group_unmatched"] = "own";
  EXPECT_EQ(Summary(Scan(source))["a.dcm"], "normal/clinic/a.dcm");
  source = Source();
  source["group_tag"] = "";
  EXPECT_EQ(Summary(Scan(source))["a.dcm"], "normal/clinic/a.dcm");
}

TEST_F(ScanDicomTest, WrongTagsAndRulesAreRefused) {
  Put("a.dcm", "1.2.1", "CHEST", "p");
  for (const char* key : {"label_tag", "group_tag"}) {
    Json source = Source();
    source[key] = "BodyPart";
    EXPECT_THAT(ErrorOf(Scan(source)),
                AllOf(HasSubstr(key), HasSubstr("BodyPart")));
  }
  Json source = Source();
  source["label"] = "covid";
  EXPECT_THAT(ErrorOf(Scan(source)), HasSubstr("label_tag"));
  source = Source();
  source["group_column"] = "id";
  EXPECT_THAT(ErrorOf(Scan(source)), HasSubstr("table"));
  source = Source();
  source.erase("label_tag");
  EXPECT_THAT(ErrorOf(Scan(source)), HasSubstr("which class"));
}

TEST_F(ScanDicomTest, LongHeadersAreReadOn) {
  std::string data = DicomElement(0x0008, 0x0018, "UI", "1.2.1");
  data += DicomElement(0x0010, 0x0020, "LO", "p");
  data += DicomElement(0x0018, 0x0015, "CS", "CHEST");
  data += DicomElement(0x0029, 0x1010, "OB", std::string(700'000, 'x'));
  data += DicomElement(0x7FE0, 0x0010, "OW", "");
  folder_.Write("set/a.dcm", DicomFile(data));
  folder_.Write("set/cut.dcm", DicomFile(data).substr(0, 500'000));
  const auto summary = Summary(Scan(Source()));
  EXPECT_THAT(summary.at("a.dcm"), HasSubstr("normal/"));
  EXPECT_THAT(summary.at("cut.dcm"), HasSubstr("cut off"));
}

}  // namespace
}  // namespace besom::stages
