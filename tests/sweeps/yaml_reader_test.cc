#include "sweeps/yaml_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::sweeps {
namespace {

using ::testing::HasSubstr;

std::string PlaceOf(const YamlNode& node) { return node.place.ToString(); }

std::string Error(std::string_view text) {
  const auto node = ReadYaml(text, "f");
  return node.ok() ? "" : node.status().ToString();
}

TEST(YamlReaderTest, PlacesAreLinesAndColumnsFromOne) {
  const auto root = ReadYaml("a: 1\nb:\n  c: [x, 'y']\n", "f");
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(PlaceOf(*root->Find("a")), "f:1:4");
  const YamlNode& list = *root->Find("b")->Find("c");
  EXPECT_EQ(PlaceOf(list), "f:3:6");
  EXPECT_EQ(PlaceOf(list.items[1]), "f:3:10");
  EXPECT_FALSE(list.items[0].quoted);
  EXPECT_TRUE(list.items[1].quoted);
}

TEST(YamlReaderTest, AliasesAndMergeKeysAreReplaced) {
  const auto root =
      ReadYaml("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc: *x\n", "f");
  ASSERT_TRUE(root.ok()) << root.status().ToString();
  EXPECT_EQ(root->Find("b")->Find("p")->text, "1");
  EXPECT_EQ(root->Find("b")->Find("q")->text, "3");
  EXPECT_EQ(root->Find("c")->Find("q")->text, "2");
}

TEST(YamlReaderTest, DuplicateKeysAreErrorsAtTheSecondOne) {
  EXPECT_THAT(Error("a: 1\nb: 2\na: 3\n"),
              HasSubstr("f:3:1: the key `a` stands twice (first in line 1)"));
}

TEST(YamlReaderTest, OnlyOneDocument) {
  EXPECT_THAT(Error("a: 1\n---\nb: 2\n"), HasSubstr("f:2:1: a second"));
}

TEST(YamlReaderTest, KeysAreWords) {
  EXPECT_THAT(Error("? [a]\n: 1\n"), HasSubstr("f:1:3: a list or map"));
  EXPECT_THAT(Error("~: 1\n"), HasSubstr("f:1:1: a key is missing"));
}

TEST(YamlReaderTest, SyntaxErrorsHaveAPlace) {
  EXPECT_THAT(Error("a: [1, 2\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(Error("a:\n\t- b\n"), HasSubstr("f:2:2: not valid YAML"));
  EXPECT_THAT(Error("a: \"x\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(Error("a: \"x\nb: 2\n\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(Error("a: 1\n}"), HasSubstr("f:2:1: "));
}

TEST(YamlReaderTest, AnAliasInsideItsAnchorIsAnError) {
  EXPECT_THAT(Error("a: &x [1, *x]\n"), HasSubstr("inside what it names"));
}

TEST(YamlReaderTest, AliasesThatMultiplyAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += fmt::format("a{0}: &a{0} [*a{1}", i, i - 1);
    for (int k = 1; k < 10; ++k) bomb += fmt::format(", *a{}", i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(Error(bomb), HasSubstr("more than 200000 values"));
}

TEST(YamlReaderTest, DeepNestingIsRefused) {
  EXPECT_NE(Error(std::string(100000, '[')), "");
  EXPECT_NE(Error(std::string(400, '[') + std::string(400, ']')), "");
  EXPECT_EQ(Error(std::string(50, '[') + std::string(50, ']')), "");
}

TEST(YamlReaderTest, BytesThatAreNoTextAreRefused) {
  EXPECT_THAT(Error("a: \xff\xfe\xfd\n"), HasSubstr("UTF-8"));
}

TEST(YamlReaderTest, AFileThatIsTooLargeIsRefused) {
  EXPECT_THAT(Error(std::string(kLargestYaml + 1, 'a')),
              HasSubstr("too many for a sweep"));
}

TEST(YamlReaderTest, ValuesOfOptionsHaveTheOptionAsPlace) {
  const auto node = ReadYamlValue("[1, {a: 2}]", "--set x");
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(PlaceOf(*node->items[1].Find("a")), "--set x");
}

}  // namespace
}  // namespace besom::sweeps
