#include "pipeline/cli/reading/comparison_words.h"

#include <gtest/gtest.h>

namespace besom::cli {
namespace {

run::TrialComparison Sample() {
  run::TrialComparison line{.a = "a1", .b = "b2", .split = "test"};
  line.test.metric = "recall/covid";
  line.test.method = "sign_flip_exact";
  line.test.difference = 0.25;
  line.test.low = 0.125;
  line.test.high = 0.375;
  line.test.p = 0.01;
  line.p_adjusted = 0.01;
  line.value_a = 0.75;
  line.value_b = 0.5;
  line.units = 40;
  line.unit = "patient groups";
  return line;
}

TEST(ComparisonWordsTest, SayWhetherItIsMoreThanChance) {
  EXPECT_EQ(ComparisonSentence(Sample()),
            "recall/covid on test, a1 against b2: 0.7500 and 0.5000, "
            "difference +0.2500 (95 % interval +0.1250 to +0.3750); "
            "sign_flip_exact of 40 patient groups, p = 0.01: more than chance");
}

TEST(ComparisonWordsTest, TheAdjustedPDecides) {
  run::TrialComparison line = Sample();
  line.p_adjusted = 0.06;
  EXPECT_TRUE(ComparisonSentence(line).ends_with(
      "p = 0.01 (0.06 by Holm): no more than chance explains"));
}

TEST(ComparisonWordsTest, WhatIsNotEstimableIsSaid) {
  run::TrialComparison line = Sample();
  line.test.p = line.p_adjusted = line.test.low = std::nullopt;
  EXPECT_TRUE(ComparisonSentence(line).ends_with(
      "difference +0.2500; whether that is chance is not estimable from these "
      "40 patient groups"));
  line.test.difference.reset();
  EXPECT_TRUE(ComparisonSentence(line).ends_with("not defined on this set"));
  line.why_not = "no predictions of this set are kept";
  EXPECT_TRUE(ComparisonSentence(line).ends_with(
      "no test, no predictions of this set are kept"));
}

}  // namespace
}  // namespace besom::cli
