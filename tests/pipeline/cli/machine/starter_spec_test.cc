#include "pipeline/cli/machine/starter_spec.h"

#include <gmock/gmock.h>

#include "tests/pipeline/cli/machine/image_tree.h"

namespace besom::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using StarterSpecTest = besom::testing::ImageTree;

TEST(YamlTextTest, QuotesWhatYamlWouldReadOtherwise) {
  EXPECT_EQ(YamlText("NORMAL"), "NORMAL");
  EXPECT_EQ(YamlText("../data/x-ray"), "../data/x-ray");
  EXPECT_EQ(YamlText("no"), "\"no\"");
  EXPECT_EQ(YamlText("007"), "\"007\"");
  EXPECT_EQ(YamlText("a: b #c"), "\"a: b #c\"");
  EXPECT_EQ(YamlText(""), "\"\"");
  EXPECT_EQ(YamlText("say \"x\""), "\"say \\\"x\\\"\"");
  EXPECT_EQ(YamlText("${HOME}"), "\"$${HOME}\"");
}

TEST(SweepNameTest, IsPlain) {
  EXPECT_EQ(SweepName("/data/Chest X-Rays (2020)"), "chest-x-rays-2020");
  EXPECT_EQ(SweepName("/data/2020"), "sweep-2020");
  EXPECT_EQ(SweepName("/"), "sweep");
}

TEST_F(StarterSpecTest, NamesGivenPartsAndPatients) {
  for (const std::string name :
       {"train/yes/1_a.png", "train/yes/1_b.png", "train/other/2_a.png",
        "test/yes/3_a.png", "test/other/4_a.png"})
    Put("x/" + name);
  const auto layout = InspectFolder(root_ / "x");
  ASSERT_TRUE(layout.ok()) << layout.status().ToString();
  const std::string yaml = StarterYaml(*layout, root_);
  EXPECT_THAT(yaml, HasSubstr("classes: [other, \"yes\"]"));
  EXPECT_THAT(yaml, HasSubstr("path: x/test\n      patients: x\n"));
  EXPECT_THAT(yaml, HasSubstr("group_pattern: '^(\\d+)_'\n"
                              "      group_unmatched: error\n"
                              "      use: test\n"));
  EXPECT_THAT(yaml, HasSubstr("split: {test: 0, validation: 0.2}"));
}

TEST_F(StarterSpecTest, ATestFolderWithSharedPatientsIsExternal) {
  for (const std::string name : {"train/a/1_a.png", "train/b/2_a.png",
                                 "test/a/1_b.png", "test/b/3_a.png"})
    Put(name);
  const auto layout = InspectFolder(root_);
  ASSERT_TRUE(layout.ok()) << layout.status().ToString();
  const std::string yaml = StarterYaml(*layout, root_);
  EXPECT_THAT(yaml, Not(HasSubstr("use: test")));
  EXPECT_THAT(yaml, HasSubstr("overlap: exclude"));
  EXPECT_THAT(yaml, HasSubstr("split: {test: 0.2, validation: 0.2}"));
}

TEST_F(StarterSpecTest, NamesTheColumnsOfATable) {
  Put("a.jpg");
  Put("b.jpg");
  Put("t.csv", "filename,label\na.jpg,one\nb.jpg,two\n");
  const auto layout = InspectFolder(root_);
  ASSERT_TRUE(layout.ok()) << layout.status().ToString();
  const std::string yaml = StarterYaml(*layout, root_);
  EXPECT_THAT(yaml, HasSubstr("format: csv\n      path: t.csv\n"));
  EXPECT_THAT(yaml, HasSubstr("label_column: label\n"));
  EXPECT_THAT(yaml, Not(HasSubstr("image_folder:")));
}

}  // namespace
}  // namespace besom::cli
