#include "pipeline/cli/machine/folder_layout.h"

#include <gmock/gmock.h>

#include "tests/pipeline/cli/machine/image_tree.h"

namespace besom::cli {
namespace {

using ::testing::ElementsAre;
using FolderLayoutTest = besom::testing::ImageTree;

TEST_F(FolderLayoutTest, ReadsClassFolders) {
  Put("cats/1.jpg");
  Put("cats/2.PNG");
  Put("cats/readme.txt");
  Put("dogs/1.jpeg");
  Put(".hidden/1.jpg");
  const auto layout = InspectFolder(root_);
  ASSERT_TRUE(layout.ok()) << layout.status().ToString();
  EXPECT_THAT(layout->Classes(), ElementsAre("cats", "dogs"));
  EXPECT_EQ(layout->Images(), 3);
  ASSERT_EQ(layout->parts.size(), 1u);
  EXPECT_EQ(layout->parts[0].use, "auto");
}

TEST_F(FolderLayoutTest, DrawsValidationWhereOnlyTrainAndTestAreGiven) {
  for (const std::string part : {"train", "test"}) {
    Put(part + "/NORMAL/1.jpg");
    Put(part + "/PNEUMONIA/1.jpg");
  }
  const auto layout = InspectFolder(root_);
  ASSERT_TRUE(layout.ok()) << layout.status().ToString();
  ASSERT_EQ(layout->parts.size(), 2u);
  EXPECT_EQ(layout->parts[0].use, "test");
  EXPECT_EQ(layout->parts[1].use, "auto");
}

TEST_F(FolderLayoutTest, TakesAllThreeGivenPartsAsTheyAre) {
  for (const std::string part : {"Train", "val", "test"}) {
    Put(part + "/a/1.jpg");
    Put(part + "/b/1.jpg");
  }
  const auto layout = InspectFolder(root_);
  ASSERT_TRUE(layout.ok()) << layout.status().ToString();
  ASSERT_EQ(layout->parts.size(), 3u);
  EXPECT_EQ(layout->parts[0].use, "train");
  EXPECT_EQ(layout->parts[2].use, "validation");
}

TEST_F(FolderLayoutTest, RefusesWhatItDoesNotKnow) {
  Put("1.jpg");
  EXPECT_EQ(InspectFolder(root_).status().code(), StatusCode::kInvalid);
  EXPECT_EQ(InspectFolder(root_ / "nowhere").status().code(),
            StatusCode::kInvalid);
  Put("only/1.jpg");
  EXPECT_EQ(InspectFolder(root_).status().code(), StatusCode::kInvalid);
  Put("t.csv", "file,label\n1.jpg,same\n");
  EXPECT_THAT(InspectFolder(root_).status().cause(),
              ::testing::HasSubstr("the same label, same"));
}

FolderLayout WithNames(const std::vector<std::string>& train,
                       const std::vector<std::string>& test = {}) {
  FolderLayout layout;
  layout.parts = {{"train", "auto", {}, train}, {"test", "test", {}, test}};
  GuessGroups(layout);
  return layout;
}

TEST(GuessGroupsTest, RecognisesPatients) {
  const FolderLayout nih =
      WithNames({"00001_1.png", "00001_2.png", "00002_1.png"});
  EXPECT_EQ(nih.group_pattern, "^(\\d+)_");
  EXPECT_TRUE(nih.all_names_match);
  EXPECT_EQ(WithNames({"person1_bacteria_1.jpeg", "person1_bacteria_2.jpeg",
                       "IM-0115-0001.jpeg", "NORMAL2-IM-0115-0001.jpeg"})
                .group_pattern,
            "^(person\\d+)_|^(?:NORMAL2-)?(IM-\\d+)-");
}

TEST(GuessGroupsTest, SeesNoPatientsWhereEveryNameIsItsOwn) {
  EXPECT_EQ(WithNames({"1_a.png", "2_a.png", "3_a.png"}).group_pattern, "");
  EXPECT_EQ(WithNames({"cat.png", "dog.png"}).group_pattern, "");
}

TEST(GuessGroupsTest, SeesPatientsOnBothSidesOfAGivenTest) {
  EXPECT_FALSE(
      WithNames({"1_a.png", "1_b.png"}, {"2_a.png"}).test_shares_patients);
  EXPECT_TRUE(
      WithNames({"1_a.png", "2_b.png"}, {"2_a.png"}).test_shares_patients);
}

}  // namespace
}  // namespace besom::cli
