#include "pipeline/cli/machine/image_csv.h"

#include <gmock/gmock.h>

#include "tests/pipeline/cli/machine/image_tree.h"

namespace besom::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ImageCsvTest = besom::testing::ImageTree;

TEST_F(ImageCsvTest, FindsColumnsByWhatTheyHold) {
  Put("images/a.jpg");
  Put("images/b.jpg");
  Put("table.csv",
      "Patient ID,file,Finding\n7,a.jpg,\"flu, mild\"\n7,b.jpg,none\n");
  const auto table = RecogniseImageCsv(root_ / "table.csv");
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->image_column, "file");
  EXPECT_EQ(table->image_folder, "images");
  EXPECT_EQ(table->label_column, "Finding");
  EXPECT_EQ(table->group_column, "Patient ID");
  EXPECT_EQ(table->labels.at("flu, mild"), 1);
}

TEST_F(ImageCsvTest, IsNothingWithoutImagesOrLabels) {
  Put("a.jpg");
  Put("no-images.csv", "file,label\nx.jpg,a\ny.jpg,b\n");
  Put("no-labels.csv", "file,width\na.jpg,3\n");
  Put("empty.csv", "");
  Put("header.csv", "file,label\n");
  for (const char* name :
       {"no-images.csv", "no-labels.csv", "empty.csv", "header.csv", "none"})
    EXPECT_FALSE(RecogniseImageCsv(root_ / name).has_value()) << name;
}

TEST_F(ImageCsvTest, RowsOfABrokenFileAreNone) {
  Put("good.csv", "a,b\r\n1,\"2\r\n3\"\r\n");
  EXPECT_THAT(ReadCsvRows(root_ / "good.csv"),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2\r\n3")));
  Put("broken.csv", "a,b\n1,\"2");
  EXPECT_THAT(ReadCsvRows(root_ / "broken.csv"), IsEmpty());
}

}  // namespace
}  // namespace besom::cli
