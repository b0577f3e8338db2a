#include "sweeps/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sweeps/parameters.h"

namespace besom::sweeps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Json kConfig = Json::parse(R"({
  "model": {"backbone": "vgg16", "head": [64], "dropout": 0.5},
  "train": {"epochs": 8, "class_weights": "none"},
  "augment": {"horizontal_flip": true},
  "split": {"test": 0.2}})");

Result<Expression> Compile(std::string_view text) {
  return Expression::Compile(text, [](const std::string& word) {
    return ResolveKeyPath(SweepSchema(), word);
  });
}

std::string Error(std::string_view text) {
  const auto expression = Compile(text);
  if (!expression.ok()) return expression.status().ToString();
  const auto value = expression->Test(kConfig);
  return value.ok() ? "" : value.status().ToString();
}

bool Holds(std::string_view text) {
  const auto expression = Compile(text);
  EXPECT_TRUE(expression.ok()) << text << expression.status().ToString();
  if (!expression.ok()) return false;
  const auto value = expression->Test(kConfig);
  EXPECT_TRUE(value.ok()) << text << value.status().ToString();
  return value.ok() && *value;
}

TEST(ExpressionTest, ExamplesOfTheInterface) {
  EXPECT_TRUE(Holds("model.backbone in [vgg16, vgg19]"));
  EXPECT_TRUE(
      Holds("not (model.backbone == \"vgg19\" and model.head == [128])"));
  EXPECT_FALSE(Holds("not (model.backbone == 'vgg16' and model.head == [64])"));
}

TEST(ExpressionTest, Comparisons) {
  EXPECT_TRUE(Holds("model.dropout == 0.5"));
  EXPECT_TRUE(Holds("train.epochs == 8.0"));
  EXPECT_TRUE(Holds("train.epochs != 9"));
  EXPECT_TRUE(Holds("train.epochs <= 8"));
  EXPECT_FALSE(Holds("train.epochs < 8"));
  EXPECT_TRUE(Holds("train.epochs >= 8"));
  EXPECT_FALSE(Holds("train.epochs > 8"));
  EXPECT_TRUE(Holds("0.4 < model.dropout < 0.6"));
  EXPECT_FALSE(Holds("0.4 < model.dropout < 0.5"));
  EXPECT_TRUE(Holds("model.backbone not in [vgg19]"));
  EXPECT_FALSE(Holds("model.backbone == 16"));
  EXPECT_TRUE(Holds("model.head in [[32], [64]]"));
}

TEST(ExpressionTest, PrecedenceAsInPython) {
  EXPECT_TRUE(Holds("train.epochs == 2 + 3 * 2"));
  EXPECT_TRUE(Holds("train.epochs == (2 + 2) * 2"));
  EXPECT_TRUE(Holds("train.epochs - 2 - 2 == 4"));
  EXPECT_TRUE(Holds("train.epochs / 2 / 2 == 2"));
  EXPECT_TRUE(Holds("-train.epochs + 1 == -7"));
  EXPECT_TRUE(Holds("true or false and false"));
  EXPECT_FALSE(Holds("(true or false) and false"));
  EXPECT_TRUE(Holds("not false and true"));
  EXPECT_TRUE(Holds("not not augment.horizontal_flip"));
  EXPECT_TRUE(Holds("1e1 > train.epochs > .5"));
}

TEST(ExpressionTest, OrAndAndStopWhenDecided) {
  EXPECT_TRUE(Holds("true or train.epochs / 0 == 1"));
  EXPECT_FALSE(Holds("false and train.epochs / 0 == 1"));
}

TEST(ExpressionTest, WordsWithoutADotAreKeysOnlyWhereTheyStandFirst) {
  EXPECT_TRUE(Holds("dropout > 0.4"));
  EXPECT_TRUE(Holds("head == [64]"));
  // `test` would name split.test; on the right it is a text.
  EXPECT_FALSE(Holds("model.backbone == test"));
  EXPECT_TRUE(Holds("horizontal_flip"));
}

TEST(ExpressionTest, PathsAreListedOnce) {
  const auto expression =
      Compile("dropout > 0.4 and model.dropout < 1 or train.epochs == 3");
  ASSERT_TRUE(expression.ok());
  EXPECT_THAT(expression->paths(),
              ElementsAre("model.dropout", "train.epochs"));
}

TEST(ExpressionTest, ErrorsHaveAPositionAndACure) {
  EXPECT_THAT(Error("model.dropot > 1"),
              HasSubstr("at character 1: `model.dropot` is no key"));
  EXPECT_THAT(Error("model.dropot > 1"),
              HasSubstr("did you mean `model.dropout`?"));
  EXPECT_THAT(Error("true and haed == [64]"),
              HasSubstr("at character 10: this comparison holds no key"));
  EXPECT_THAT(Error("haed == [64]"), HasSubstr("did you mean `model.head`?"));
  EXPECT_THAT(Error("model.dropout = 1"), HasSubstr("at character 15"));
  EXPECT_THAT(Error("model.dropout >"), HasSubstr("the end where a value"));
  EXPECT_THAT(Error("(model.dropout > 1"), HasSubstr("`)` should stand"));
  EXPECT_THAT(Error("model.dropout > 1 1"), HasSubstr("at character 19"));
  EXPECT_THAT(Error("model.dropout in [1"), HasSubstr("`,` or `]`"));
  EXPECT_THAT(Error("model.backbone == 'x"), HasSubstr("without an end"));
  EXPECT_THAT(Error("model.dropout == 1x"), HasSubstr("`1x` is no number"));
  EXPECT_THAT(Error(""), HasSubstr("the end where a value"));
}

TEST(ExpressionTest, TypesThatDoNotFitAreErrors) {
  EXPECT_THAT(Error("model.backbone > 3"), HasSubstr("have no order"));
  EXPECT_THAT(Error("model.head + 1 == 2"), HasSubstr("is no number"));
  EXPECT_THAT(Error("model.backbone"), HasSubstr("neither true nor false"));
  EXPECT_THAT(Error("train.epochs / 0 == 1"), HasSubstr("division by zero"));
  EXPECT_THAT(Error("model.backbone in vgg16"), HasSubstr("wants a list"));
}

TEST(ExpressionTest, DepthAndLengthAreLimited) {
  EXPECT_NE(Error(std::string(5000, '(')), "");
  EXPECT_NE(Error(std::string(5000, '[')), "");
  EXPECT_NE(Error(std::string(100000, ' ')), "");
  std::string nots = "true";
  for (int i = 0; i < 2000; ++i) nots = "not " + nots;
  EXPECT_EQ(Error(nots), "");
}

}  // namespace
}  // namespace besom::sweeps
