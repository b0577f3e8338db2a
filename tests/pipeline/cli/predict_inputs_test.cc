#include "pipeline/cli/predict_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace besom::cli {
namespace {

using testing::ElementsAre;

class PredictInputsTest : public testing::Test {
 protected:
  PredictInputsTest() {
    folder_ = Path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    for (const char* name : {"b.png", "a.dcm", "Normal/2.jpg", "covid/1.png",
                             "notes.txt", "IM0002"})
      Write(name, "");
    Write("IM0001", std::string(128, '\0') + "DICM");
  }
  ~PredictInputsTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(WriteFileAtomic(folder_ / name, text).ok());
  }

  Result<ImageList> List(const std::string& argument, std::string names = "",
                         char end = '\n') {
    std::istringstream stream(names);
    return ListImages(argument, {{"covid", 0}, {"normal", 1}}, {stream, end});
  }

  std::vector<std::string> NamesOf(const Result<ImageList>& list) {
    EXPECT_TRUE(list.ok()) << list.status().ToString();
    std::vector<std::string> names;
    if (list.ok())
      for (const Path& file : list->files)
        names.push_back(file.lexically_relative(folder_).string());
    return names;
  }

  Path folder_;
};

TEST_F(PredictInputsTest, AFolderIsSortedAndKnowsItsClasses) {
  const auto list = List(folder_.string());
  EXPECT_THAT(NamesOf(list), ElementsAre("IM0001", "Normal/2.jpg", "a.dcm",
                                         "b.png", "covid/1.png"));
  EXPECT_THAT(list->actual,
              ElementsAre(std::nullopt, 1, std::nullopt, std::nullopt, 0));
}

TEST_F(PredictInputsTest, PatternsMatchFilesAndFolders) {
  EXPECT_THAT(NamesOf(List((folder_ / "[ab].*").string())),
              ElementsAre("a.dcm", "b.png"));
  EXPECT_THAT(NamesOf(List((folder_ / "*o*/").string())),
              ElementsAre("Normal/2.jpg", "covid/1.png"));
  EXPECT_EQ(List((folder_ / "*.gif").string()).status().cause(),
            "matches no file");
}

TEST_F(PredictInputsTest, AFileCalledLikeAPatternIsThatFile) {
  Write("x[1].png", "");
  Write("x1.png", "");
  EXPECT_THAT(NamesOf(List((folder_ / "x[1].png").string())),
              ElementsAre("x[1].png"));
}

TEST_F(PredictInputsTest, StandardInputKeepsItsOrderAndWhatIsMissing) {
  const std::string b = (folder_ / "b.png").string();
  const std::string gone = (folder_ / "gone.png").string();
  const std::string covid = (folder_ / "covid").string();
  EXPECT_THAT(NamesOf(List("-", b + "\r\n\n" + gone + "\n" + covid + "\n" + b)),
              ElementsAre("b.png", "gone.png", "covid/1.png", "b.png"));
  Write("new\nline.png", "");
  const std::string odd = (folder_ / "new\nline.png").string();
  EXPECT_THAT(NamesOf(List("-", odd + '\0' + b + '\0', '\0')),
              ElementsAre("new\nline.png", "b.png"));
  EXPECT_THAT(NamesOf(List("-", "")), ElementsAre());
}

TEST_F(PredictInputsTest, WhatNamesNothingIsAnError) {
  EXPECT_EQ(List((folder_ / "gone.png").string()).status().code(),
            StatusCode::kInvalid);
  std::filesystem::create_directories(folder_ / "empty");
  EXPECT_EQ(List((folder_ / "empty").string()).status().code(),
            StatusCode::kInvalid);
}

}  // namespace
}  // namespace besom::cli
