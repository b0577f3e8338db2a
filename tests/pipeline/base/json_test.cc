#include "pipeline/base/json.h"

#include <gtest/gtest.h>

namespace besom {
namespace {

TEST(JsonTest, CanonicalTextDoesNotDependOnTheOrderOfKeys) {
  const Json a = Json::parse(R"({"b": 0.1, "a": [1, 2]})");
  const Json b = Json::parse(R"({"a": [1, 2], "b": 0.1})");
  EXPECT_EQ(CanonicalText(a), R"({"a":[1,2],"b":0.1})");
  EXPECT_EQ(DigestOfJson(a), DigestOfJson(b));
}

TEST(JsonTest, DottedPathsFindAndSet) {
  Json root = Json::object();
  SetPath(root, "model.head", Json::array({64}));
  ASSERT_NE(FindPath(root, "model.head"), nullptr);
  EXPECT_EQ(*FindPath(root, "model.head"), Json::array({64}));
  EXPECT_EQ(FindPath(root, "model.head.x"), nullptr);
  EXPECT_EQ(FindPath(root, "train"), nullptr);
}

TEST(JsonTest, BrokenTextIsAnErrorAndNotAnException) {
  EXPECT_EQ(ParseJson("{", "a blob").status().code(), StatusCode::kCorrupt);
}

}  // namespace
}  // namespace besom
