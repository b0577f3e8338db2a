#include "pipeline/run/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace besom::run {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DifferingFieldsTest, NamesTheFieldAndBothValues) {
  const Json before = {{"model", {{"head", {64}}, {"dropout", 0.3}}}};
  const Json after = {{"model", {{"head", {64}}, {"dropout", 0.5}}}};
  EXPECT_THAT(DifferingFields(before, after),
              ElementsAre("model.dropout: 0.3 -> 0.5"));
  EXPECT_THAT(DifferingFields(before, before), IsEmpty());
}

TEST(DifferingFieldsTest, AddedAndRemovedFieldsAreNamed) {
  EXPECT_THAT(DifferingFields({{"a", 1}}, {{"b", 2}}),
              ElementsAre("b: none -> 2", "a: 1 -> none"));
}

TEST(DifferingFieldsTest, LongValuesAreShortened) {
  const auto fields =
      DifferingFields({{"a", "x"}}, {{"a", std::string(100, 'y')}});
  ASSERT_EQ(fields.size(), 1u);
  EXPECT_LT(fields[0].size(), 70u);
}

}  // namespace
}  // namespace besom::run
