#include "sweeps/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/sweeps/sweep_text.h"

namespace besom::sweeps {
namespace {

using ::besom::sweeps::testing::ErrorOf;
using ::besom::sweeps::testing::kBase;
using ::besom::sweeps::testing::Parse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Axis AxisOf(const std::string& parameters) {
  const auto spec = Parse(kBase + "method: random\nrun_cap: 1\nparameters: {" +
                          parameters + "}\n");
  EXPECT_TRUE(spec.ok()) << spec.status().ToString();
  return spec.ok() ? spec->axes.at(0) : Axis{};
}

std::vector<double> Draws(const Axis& axis, std::uint64_t count) {
  std::vector<double> draws;
  for (std::uint64_t i = 0; i < count; ++i) {
    KeyedRandom random(7, "test", {i});
    draws.push_back(axis.Draw(random).get<double>());
  }
  return draws;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST(AxisTest, ShortFormsOfValues) {
  EXPECT_THAT(AxisOf("dropout: [0, 0.5]").values, ElementsAre(0.0, 0.5));
  EXPECT_TRUE(AxisOf("dropout: [0]").values[0].is_number_float());
  EXPECT_THAT(AxisOf("dropout: {value: 0.5}").values, ElementsAre(0.5));
  EXPECT_THAT(AxisOf("dropout: 0.5").values, ElementsAre(0.5));
  EXPECT_THAT(AxisOf("epochs: [1e1]").values, ElementsAre(10));
  EXPECT_THAT(AxisOf("head: [[], [8, 4]]").values,
              ElementsAre(Json::array(), Json::array({8, 4})));
  EXPECT_THAT(AxisOf("dropout: {distribution: constant, value: 0.1}").values,
              ElementsAre(0.1));
}

TEST(AxisTest, ShorthandTellsIntegersFromFractionsAsWandbDoes) {
  EXPECT_EQ(AxisOf("epochs: {min: 1, max: 4}").distribution,
            Distribution::kIntUniform);
  EXPECT_EQ(AxisOf("dropout: {min: 0.0, max: 0.5}").distribution,
            Distribution::kUniform);
}

TEST(AxisTest, DrawsFollowTheirDistributions) {
  constexpr std::uint64_t kMany = 20000;
  const auto uniform = Draws(AxisOf("dropout: {min: 0.2, max: 0.6}"), kMany);
  EXPECT_NEAR(Mean(uniform), 0.4, 0.005);
  const Axis log = AxisOf(
      "learning_rate: {distribution: log_uniform_values, min: 1e-4, "
      "max: 1e-2}");
  double logs = 0;
  for (const double x : Draws(log, kMany)) {
    EXPECT_GE(x, 1e-4);
    EXPECT_LE(x, 1e-2);
    logs += std::log10(x);
  }
  EXPECT_NEAR(logs / kMany, -3, 0.02);
  const Axis inverse = AxisOf(
      "learning_rate: {distribution: inv_log_uniform_values, min: 1e-4, max: "
      "1e-2}");
  for (const double x : Draws(inverse, 1000)) {
    EXPECT_GE(x, 0.999e-4);
    EXPECT_LE(x, 1.001e-2);
  }
  const Axis normal =
      AxisOf("learning_rate: {distribution: normal, mu: 3.0, sigma: 0.5}");
  const auto normals = Draws(normal, kMany);
  EXPECT_NEAR(Mean(normals), 3, 0.02);
  const Axis log_normal =
      AxisOf("learning_rate: {distribution: log_normal, mu: -3, sigma: 0.5}");
  double total = 0;
  for (const double x : Draws(log_normal, kMany)) total += std::log(x);
  EXPECT_NEAR(total / kMany, -3, 0.02);
}

TEST(AxisTest, RoundedDrawsAreCleanMultiples) {
  const Axis axis =
      AxisOf("dropout: {distribution: q_uniform, min: 0, max: 0.9, q: 0.1}");
  for (const double x : Draws(axis, 500)) {
    const std::string text = Json(x).dump();
    EXPECT_LE(text.size(), 3u) << text;
  }
  EXPECT_EQ(RoundTo(0.31, 0.1), 0.3);
  EXPECT_EQ(RoundTo(-0.04, 0.1), 0.0);
  EXPECT_FALSE(std::signbit(RoundTo(-0.04, 0.1)));
  EXPECT_EQ(RoundTo(1234.4, 0.25), 1234.5);
  EXPECT_EQ(RoundTo(7, 3), 6);
}

TEST(AxisTest, ProbabilitiesWeighTheValues) {
  const Axis axis =
      AxisOf("epochs: {values: [1, 2], probabilities: [0.9, 0.1]}");
  EXPECT_EQ(axis.distribution, Distribution::kCategorical);
  EXPECT_NEAR(Mean(Draws(axis, 5000)), 1.1, 0.02);
}

TEST(AxisTest, GridsRunThroughWhatCanBeCounted) {
  EXPECT_THAT(*AxisOf("epochs: {min: 2, max: 4}").GridValues(),
              ElementsAre(2, 3, 4));
  EXPECT_THAT(
      *AxisOf("dropout: {distribution: q_uniform, min: 0, max: 0.3, q: 0.1}")
           .GridValues(),
      ElementsAre(0.0, 0.1, 0.2, 0.3));
  EXPECT_EQ(AxisOf("dropout: {min: 0.0, max: 0.3}").GridValues(), std::nullopt);
}

TEST(AxisTest, WhatCannotBeDrawnIsRefused) {
  const auto error = [](const std::string& axis) {
    return ErrorOf(kBase + "method: random\nrun_cap: 2\nparameters:\n  " +
                   axis + "\n");
  };
  EXPECT_THAT(error("dropout: {distribution: log_uniform, min: 1, max: 2}"),
              HasSubstr("/s/t.yaml:10:27: `log_uniform` takes exponents"));
  EXPECT_THAT(error("dropout: {distribution: log_uniform, min: 1, max: 2}"),
              HasSubstr("use `log_uniform_values`"));
  EXPECT_THAT(error("dropout: {distribution: unifrom, min: 0.1, max: 0.2}"),
              HasSubstr("did you mean `uniform`?"));
  EXPECT_THAT(error("dropout: {min: 0.1, max: 1.5}"),
              HasSubstr("/s/t.yaml:10:12: 1.5 is out of range"));
  EXPECT_EQ(error("dropout: {min: 0.1, max: 1.0}"), "");
  EXPECT_THAT(error("dropout: {min: 0, max: 1}"), HasSubstr("write 1.0"));
  EXPECT_THAT(error("dropout: {min: 0.5, max: 0.1}"),
              HasSubstr("`min` must be below `max`"));
  EXPECT_THAT(error("backbone: {min: 1, max: 2}"),
              HasSubstr("is no number to be drawn"));
  EXPECT_THAT(error("epochs: {min: 1.0, max: 2.5}"),
              HasSubstr("use int_uniform"));
  EXPECT_THAT(error("dropout: {valeus: [0.1]}"),
              HasSubstr("/s/t.yaml:10:13: `valeus` is no key of an axis"));
  EXPECT_THAT(error("dropout: {values: []}"), HasSubstr("must be a list"));
  EXPECT_THAT(error("dropout: {values: [0.1], probabilities: [0.5]}"),
              HasSubstr("whose sum is 1"));
  EXPECT_THAT(error("dropout: {values: [0.1], min: 3}"),
              HasSubstr("`min` does not go with values"));
  EXPECT_THAT(error("dropout: {distribution: uniform, min: 0.1, max: 0.2, q: "
                    "1}"),
              HasSubstr("`q` does not go with uniform"));
  EXPECT_THAT(error("seed: {min: 0, max: 1e300}"), HasSubstr("fractions"));
  EXPECT_THAT(error("seed: {distribution: int_uniform, min: 0, max: 1e300}"),
              HasSubstr("too wide"));
  EXPECT_THAT(
      error("learning_rate: {distribution: normal, mu: -100, sigma: 1}"),
      HasSubstr("never in its range"));
}

}  // namespace
}  // namespace besom::sweeps
