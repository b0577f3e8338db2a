#include "stages/data/split_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace besom::stages {
namespace {

using ::testing::HasSubstr;

class SplitFileTest : public ::testing::Test {
 protected:
  SplitFileTest()
      : path_(std::filesystem::temp_directory_path() /
              ("besom_split_" + std::to_string(::getpid()) + ".csv")) {}
  ~SplitFileTest() override { std::filesystem::remove(path_); }

  Result<Json> Load(std::string_view text) {
    EXPECT_TRUE(WriteFileAtomic(path_, text).ok());
    return LoadSplitFile(path_);
  }
  std::string ErrorOf(std::string_view text) {
    const auto rows = Load(text);
    EXPECT_FALSE(rows.ok());
    return rows.status().ToString();
  }

  const Path path_;
};

TEST_F(SplitFileTest, ColumnsInAnyOrder) {
  const auto rows = Load(
      "\xEF\xBB\xBFsplit,note,image\r\n"
      "train,x,\"a, b.png\"\r\n"
      "test,,c/d.png\r\n");
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  EXPECT_EQ(*rows, Json({{{"image", "a, b.png"}, {"split", "train"}},
                         {{"image", "c/d.png"}, {"split", "test"}}}));
}

TEST_F(SplitFileTest, FoldsAreOptional) {
  const auto rows = Load("image,split,fold\na,test,1\na,train,0\nb,train,\n");
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  EXPECT_EQ(*rows, Json({{{"image", "a"}, {"split", "test"}, {"fold", 1}},
                         {{"image", "a"}, {"split", "train"}, {"fold", 0}},
                         {{"image", "b"}, {"split", "train"}}}));
}

TEST_F(SplitFileTest, ErrorsNameTheLine) {
  EXPECT_THAT(ErrorOf("image,part\na,train\n"), HasSubstr("split"));
  EXPECT_THAT(ErrorOf("image,split\na,train\nb,valid\n"),
              AllOf(HasSubstr(":3"), HasSubstr("'valid'")));
  EXPECT_THAT(ErrorOf("image,split\n,train\n"), HasSubstr(":2"));
  EXPECT_THAT(ErrorOf("image,split,fold\na,train,-1\n"), HasSubstr("'-1'"));
  EXPECT_THAT(ErrorOf("image,split,fold\na,train,1x\n"), HasSubstr("'1x'"));
  EXPECT_THAT(ErrorOf("image,split\na,train\nb,test\na,test\n"),
              AllOf(HasSubstr(":4"), HasSubstr("line 2")));
  EXPECT_THAT(ErrorOf("image,split\n"), HasSubstr("no image"));
  EXPECT_EQ(LoadSplitFile("/no/such/file.csv").status().code(),
            StatusCode::kInvalid);
}

}  // namespace
}  // namespace besom::stages
