#include "stages/metric/fit_summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace besom::stages {
namespace {

constexpr double kZ = 1.959963984540054;

/// Fits with intervals of +- `error` standard errors of `error` each.
std::vector<FitFigure> Fits(const std::vector<double>& values, double error) {
  std::vector<FitFigure> fits;
  for (const double value : values)
    fits.push_back({value, value - kZ * error, value + kZ * error});
  return fits;
}

TEST(FitSummaryTest, OwnSetsAsNadeauAndBengio) {
  const auto fits = Fits({0.8, 0.9, 0.85, 0.75, 0.95}, 0.1);
  const FitSummary summary = SummarizeOwnSets(fits, "accuracy", 0.5, 0.95);
  EXPECT_NEAR(*summary.mean, 0.85, 1e-12);
  EXPECT_NEAR(*summary.sd, std::sqrt(0.00625), 1e-12);
  // t of 4 degrees of freedom; variance sd^2 (1/5 + 1/2).
  const double half = 2.7764451051977987 * std::sqrt(0.00625 * 0.7);
  EXPECT_NEAR(*summary.interval->low, 0.85 - half, 1e-12);
  EXPECT_EQ(*summary.interval->high, 1) << "cut at the end of the range";
  EXPECT_EQ(summary.interval->method, "resampled_t");
  EXPECT_EQ(summary.interval->groups, 5);
}

TEST(FitSummaryTest, ASharedSetAddsWhatItsImagesLeaveOpen) {
  const auto fits = Fits({0.4, 0.5, 0.6}, 0.05);
  const FitSummary summary = SummarizeSharedSet(fits, "accuracy", 0.95);
  // W = 0.0025, B = 0.01: T = 0.0025 + 4/3 0.01, and Rubin's degrees of
  // freedom 2 (1 + W / (4/3 B))^2 = 2.8203125.
  const double variance = 0.0025 + 4.0 / 3 * 0.01;
  constexpr double kT =
      3.3002841782788566;  // scipy.stats.t.ppf(0.975, 2.8203125)
  EXPECT_NEAR(*summary.interval->low, 0.5 - kT * std::sqrt(variance), 1e-8);
  EXPECT_EQ(summary.interval->method, "within_between");
}

TEST(FitSummaryTest, FitsThatAgreeLeaveTheImagesError) {
  const FitSummary summary =
      SummarizeSharedSet(Fits({0.5, 0.5, 0.5}, 0.05), "accuracy", 0.95);
  EXPECT_NEAR(*summary.interval->low, 0.5 - kZ * 0.05, 1e-12);
  EXPECT_NEAR(*summary.interval->high, 0.5 + kZ * 0.05, 1e-12);
}

TEST(FitSummaryTest, WhatCannotBeEstimatedHasNoEnds) {
  const auto ends = [](const FitSummary& summary) {
    return summary.interval->low.has_value() ||
           summary.interval->high.has_value();
  };
  EXPECT_FALSE(ends(SummarizeOwnSets(Fits({0.5, 0.5}, 0.1), "f1", 0.5, 0.95)));
  EXPECT_FALSE(ends(SummarizeOwnSets(Fits({0.5}, 0.1), "f1", 0.5, 0.95)));
  std::vector<FitFigure> bare = {{0.4}, {0.6}};
  EXPECT_FALSE(ends(SummarizeSharedSet(bare, "f1", 0.95)));
  EXPECT_NEAR(*SummarizeSharedSet(bare, "f1", 0.95).mean, 0.5, 1e-15);
  bare.push_back({});
  EXPECT_FALSE(SummarizeOwnSets(bare, "f1", 0.5, 0.95).mean);
  EXPECT_FALSE(SummarizeSharedSet(bare, "f1", 0.95).mean);
}

TEST(FitSummaryTest, RangesAreThoseOfTheMetric) {
  const auto low = [](const char* metric, double value) {
    return *SummarizeSharedSet(Fits({value, value + 0.1}, 1), metric, 0.95)
                .interval->low;
  };
  EXPECT_EQ(low("loss", 0.2), 0);
  EXPECT_EQ(low("kappa", -0.9), -1);
  EXPECT_EQ(low("recall", 0.2), 0);
}

}  // namespace
}  // namespace besom::stages
