#include "pipeline/cli/machine/dicom_layout.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>
#include <string>

#include "pipeline/cli/machine/starter_spec.h"
#include "tests/pipeline/cli/machine/image_tree.h"
#include "tests/pipeline/cli/machine/small_dicom.h"

namespace besom::cli {
namespace {

using besom::testing::SmallDicom;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

class DicomLayoutTest : public besom::testing::ImageTree {
 protected:
  FolderLayout Inspect() {
    auto layout = InspectFolder(root_);
    EXPECT_TRUE(layout.ok()) << layout.status().ToString();
    return layout.ok() ? *layout : FolderLayout{};
  }
};

TEST_F(DicomLayoutTest, ATagTellsTheClassesOfAnArchiveByPatients) {
  for (int i = 0; i < 6; ++i)
    Put(fmt::format("p{}/series/IM{}", i / 2, i),
        SmallDicom(i % 2 == 0 ? "clear" : "ill", fmt::format("P{}", i / 2)));
  Put("p0/notes.txt");
  Put("p0/cut.dcm", SmallDicom("clear", "P0").substr(0, 150));
  const FolderLayout layout = Inspect();
  EXPECT_EQ(layout.dicom_labels.tag, "StudyDescription");
  EXPECT_THAT(layout.dicom_labels.images,
              ElementsAre(Pair("clear", 3), Pair("ill", 3)));
  const std::string yaml = StarterYaml(layout, root_.parent_path());
  EXPECT_THAT(yaml, HasSubstr("classes: [clear, ill]"));
  EXPECT_THAT(yaml, HasSubstr("format: dicom_folder\n      path: " +
                              root_.filename().string() + "\n"));
  EXPECT_THAT(yaml, HasSubstr("label_tag: StudyDescription\n"));
  EXPECT_THAT(yaml, Not(HasSubstr("P0"))) << "no patient";
}

TEST_F(DicomLayoutTest, ATagThatIsAsGoodAsThePatientIsNoClass) {
  for (int i = 0; i < 8; ++i)
    Put(fmt::format("{}.dcm", i),
        SmallDicom(fmt::format("study of {}", i / 4), fmt::format("P{}", i / 4),
                   i % 2 == 0 ? "AP" : "LL"));
  EXPECT_EQ(Inspect().dicom_labels.tag, "ViewPosition");
}

TEST_F(DicomLayoutTest, ClassFoldersOfSeveralPatients) {
  for (int i = 0; i < 6; ++i)
    Put(fmt::format("{}/p{}/{}", i % 2 == 0 ? "CLEAR" : "ILL", i, i),
        SmallDicom("thorax", fmt::format("P{}", i)));
  const FolderLayout layout = Inspect();
  EXPECT_TRUE(layout.dicom);
  EXPECT_EQ(layout.Images(), 6);
  const std::string yaml = StarterYaml(layout, root_);
  EXPECT_THAT(yaml, HasSubstr("format: dicom_folder  # 3 images\n"
                              "      path: CLEAR\n      label: CLEAR\n"));
  EXPECT_THAT(yaml, HasSubstr("-ill\n"));
  EXPECT_THAT(yaml, Not(HasSubstr("group_pattern")));
}

TEST_F(DicomLayoutTest, ClassesInOtherScriptsAreSourcesOfTheirOwn) {
  for (const char* cls : {"\u80ba\u708e", "\u6b63\u5e38", "\u7d50\u6838"})
    for (int i = 0; i < 2; ++i)
      Put(fmt::format("{}/{}", cls, i),
          SmallDicom("thorax", fmt::format("P{}", i)));
  const std::string yaml = StarterYaml(Inspect(), root_);
  std::set<std::string> names;
  for (std::size_t at = 0; (at = yaml.find("- name: ", at)) != yaml.npos; ++at)
    names.insert(yaml.substr(at, yaml.find('\n', at) - at));
  EXPECT_EQ(names.size(), 3u) << yaml;
}

TEST_F(DicomLayoutTest, ATestFolderWithSharedPatientsIsExternal) {
  for (const char* part : {"train", "test"})
    for (int i = 0; i < 4; ++i)
      Put(fmt::format("{}/{}/{}", part, i % 2 == 0 ? "a" : "b", i),
          SmallDicom("thorax", fmt::format("P{}", i)));
  const FolderLayout layout = Inspect();
  EXPECT_TRUE(layout.test_shares_patients);
  const std::string yaml = StarterYaml(layout, root_);
  const std::size_t external = yaml.find("  external:\n");
  ASSERT_NE(external, std::string::npos);
  EXPECT_THAT(yaml.substr(external), HasSubstr("label: a\n"));
  EXPECT_THAT(yaml.substr(external), HasSubstr("label: b\n"));
  EXPECT_THAT(yaml.substr(0, external), Not(HasSubstr("overlap")));
}

TEST_F(DicomLayoutTest, WithoutAnythingThatTellsClassesTheCureIsSaid) {
  for (int i = 0; i < 4; ++i)
    Put(fmt::format("{}", i), SmallDicom("thorax", fmt::format("P{}", i)));
  const Status status = InspectFolder(root_).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalid);
  EXPECT_THAT(status.cause(), HasSubstr("nothing tells the classes"));
  EXPECT_THAT(status.cure(), HasSubstr("label_tag"));
}

TEST_F(DicomLayoutTest, OtherImagesInClassFoldersComeFirst) {
  Put("a/1.jpg");
  Put("b/1.jpg");
  Put("a/2.dcm", SmallDicom("thorax", "P0"));
  EXPECT_FALSE(Inspect().dicom);
}

}  // namespace
}  // namespace besom::cli
