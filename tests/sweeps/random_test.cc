#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/sweeps/sweep_text.h"

namespace besom::sweeps {
namespace {

using ::besom::sweeps::testing::ErrorOf;
using ::besom::sweeps::testing::kBase;
using ::besom::sweeps::testing::Parse;
using ::testing::HasSubstr;

const std::string kFinite =
    "method: random\nparameters: {epochs: {min: 1, max: 10}, dropout: [0.1, "
    "0.2, 0.3]}\n";
const std::string kContinuous =
    "method: random\nparameters: {epochs: {min: 1, max: 10}, dropout: {min: "
    "0.1, max: 0.9}}\n";

std::vector<std::string> Trials(const std::string& more,
                                const std::vector<std::string>& overrides) {
  const auto spec = Parse(kBase + more, overrides);
  EXPECT_TRUE(spec.ok()) << spec.status().ToString();
  const auto plan = ExpandTrials(*spec);
  EXPECT_TRUE(plan.ok()) << plan.status().ToString();
  std::vector<std::string> texts;
  for (const Trial& trial : plan->trials)
    texts.push_back(trial.parameters.dump());
  return texts;
}

TEST(RandomTest, ASmallerCapIsAPrefix) {
  for (const std::string& sweep : {kFinite, kContinuous}) {
    const auto ten = Trials(sweep, {"run_cap=10"});
    const auto twenty = Trials(sweep, {"run_cap=20"});
    ASSERT_EQ(ten.size(), 10u);
    ASSERT_EQ(twenty.size(), 20u);
    EXPECT_TRUE(std::equal(ten.begin(), ten.end(), twenty.begin()));
  }
}

TEST(RandomTest, AFiniteSpaceIsSampledWhollyAndWithoutRepeats) {
  const auto all = Trials(kFinite, {});
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 30u);
  EXPECT_EQ(all.size(), 30u);
  auto sorted = all;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_NE(all, sorted);
}

TEST(RandomTest, TheSeedDecidesTheDraws) {
  for (const std::string& sweep : {kFinite, kContinuous}) {
    const auto one = Trials(sweep, {"run_cap=10"});
    EXPECT_EQ(one, Trials(sweep, {"run_cap=10"}));
    EXPECT_NE(one, Trials(sweep, {"run_cap=10", "seed=1"}));
  }
}

TEST(RandomTest, AFurtherAxisLeavesTheOthersDrawsAlone) {
  const auto spec = Parse(kBase + kContinuous, {"run_cap=5"});
  const auto more =
      Parse(kBase + kContinuous,
            {"run_cap=5", "parameters.learning_rate={min: 0.001, max: 0.01}"});
  ASSERT_TRUE(spec.ok() && more.ok());
  const auto a = ExpandTrials(*spec);
  const auto b = ExpandTrials(*more);
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(a->trials[i].parameters["model.dropout"],
              b->trials[i].parameters["model.dropout"]);
}

TEST(RandomTest, AnEndlessSearchIsRefused) {
  EXPECT_THAT(ErrorOf(kBase + kContinuous),
              HasSubstr("/s/t.yaml:8:41: random draws of `model.dropout` never "
                        "end"));
}

TEST(RandomTest, AConstraintThatLeavesLittleEndsTheSearch) {
  const auto trials = Trials(
      "method: random\nrun_cap: 50\nparameters: {epochs: {values: "
      "[1, 2], probabilities: [0.5, 0.5]}}\n",
      {});
  EXPECT_EQ(trials.size(), 2u);
}

}  // namespace
}  // namespace besom::sweeps
