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
}

TEST(GroupPatternTest, RecognisesPatients) {
  bool all = false;
  EXPECT_EQ(
      GuessGroupPattern({"00001_1.png", "00001_2.png", "00002_1.png"}, &all),
      "^(\\d+)_");
  EXPECT_TRUE(all);
  EXPECT_EQ(
      GuessGroupPattern({"person1_bacteria_1.jpeg", "person1_bacteria_2.jpeg",
                         "IM-0115-0001.jpeg", "NORMAL2-IM-0115-0001.jpeg"},
                        &all),
      "^(person\\d+)_|^(?:NORMAL2-)?(IM-\\d+)-");
}

TEST(GroupPatternTest, SeesNoPatientsWhereEveryNameIsItsOwn) {
  bool all = false;
  EXPECT_EQ(GuessGroupPattern({"1_a.png", "2_a.png", "3_a.png"}, &all), "");
  EXPECT_EQ(GuessGroupPattern({"cat.png", "dog.png"}, &all), "");
}

}  // namespace
}  // namespace besom::cli
