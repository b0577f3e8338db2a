#include "sweeps/external_sets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sweeps/sweep_text.h"

namespace besom::sweeps {
namespace {

using ::testing::HasSubstr;

class ExternalSetsTest : public ::testing::Test {
 protected:
  ExternalSetsTest() { world_.folders = {"/data", "/data/ward"}; }

  Result<Json> Read(const std::string& text, bool is_file = false) const {
    const Json config = testing::Parse(testing::kBase)->base;
    return ReadExternalSets(text, is_file ? "ward.yaml" : "--data", is_file,
                            "/data", config, world_.environment());
  }
  std::string Error(const std::string& text, bool is_file = false) const {
    return Read(text, is_file).status().ToString();
  }

  testing::World world_;
};

TEST_F(ExternalSetsTest, AMapIsOneSetWithTheDefaultsOfASweep) {
  const auto sets = Read(
      "{name: ward, format: image_folder, path: ward, labels: {X: covid}}");
  ASSERT_TRUE(sets.ok()) << sets.status().ToString();
  ASSERT_EQ(sets->size(), 1u);
  const Json& set = sets->at(0);
  EXPECT_EQ(set.at("path"), "/data/ward");
  EXPECT_EQ(set.at("patients"), "ward");
  EXPECT_EQ(set.at("overlap"), "exclude");
  EXPECT_EQ(set.at("group_unmatched"), "error");
}

TEST_F(ExternalSetsTest, AListIsSeveralAndVariablesExpand) {
  world_.variables = {{"WARD", "/data/ward"}};
  const auto sets = Read(
      "- {name: one, format: image_folder, path: '${WARD}', labels: {X: "
      "covid}}\n"
      "- {name: two, format: image_folder, path: ward, patients: p, labels: "
      "{X: "
      "normal}}\n",
      true);
  ASSERT_TRUE(sets.ok()) << sets.status().ToString();
  ASSERT_EQ(sets->size(), 2u);
  EXPECT_EQ(sets->at(0).at("path"), "/data/ward");
  EXPECT_EQ(sets->at(1).at("patients"), "p");
  EXPECT_THAT(Error("{name: x, format: image_folder, path: '${NONE}'}"),
              HasSubstr("NONE"));
}

TEST_F(ExternalSetsTest, WhatIsWrongIsSaidWithItsPlace) {
  EXPECT_THAT(Error("name: ward\nformat: image_folder\npth: ward\n", true),
              HasSubstr("ward.yaml:3:1"));
  EXPECT_THAT(Error("name: ward\nformat: image_folder\npth: ward\n", true),
              HasSubstr("path"));
  EXPECT_THAT(Error("{name: ward, format: image_folder, path: ward, labels: "
                    "{X: covit}}"),
              HasSubstr("did you mean `covid`"));
  EXPECT_THAT(Error("{name: ward, format: image_folder, path: gone, labels: "
                    "{X: covid}}"),
              HasSubstr("/data/gone"));
  EXPECT_THAT(Error("some words"), HasSubstr("map of keys"));
  EXPECT_THAT(Error("[]"), HasSubstr("map of keys"));
  EXPECT_THAT(Error("{name: [", false), HasSubstr("--data"));
}

TEST_F(ExternalSetsTest, NamesThatAreTakenAreRefused) {
  for (const char* name : {"train", "validation", "test", "p"})
    EXPECT_EQ(Read(std::string("{name: ") + name +
                   ", format: image_folder, path: ward, labels: {X: covid}}")
                  .status()
                  .code(),
              StatusCode::kInvalid)
        << name;
}

}  // namespace
}  // namespace besom::sweeps
