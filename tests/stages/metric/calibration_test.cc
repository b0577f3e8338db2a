#include "stages/metric/calibration.h"

#include <gtest/gtest.h>

#include <cmath>

namespace besom::stages {
namespace {

TEST(CalibrationTest, ABinHoldsItsUpperEdge) {
  const std::vector<double> probabilities = {0.0, 0.2, std::nextafter(0.2, 1.0),
                                             1.0};
  const std::vector<std::uint8_t> hit = {0, 1, 1, 1};
  const auto bins = BinByConfidence(probabilities, hit);
  ASSERT_EQ(bins.size(), 15U);
  EXPECT_EQ(bins[0].images, 1);
  EXPECT_EQ(bins[2].images, 1);
  EXPECT_EQ(bins[3].images, 1);
  EXPECT_EQ(bins[14].images, 1);
  EXPECT_EQ(bins[14].hits, 1);
}

TEST(CalibrationTest, ErrorOfTwoBinsByHand) {
  const std::vector<double> probabilities = {0.5, 0.5, 0.9, 0.9};
  const std::vector<std::uint8_t> hit = {1, 1, 1, 0};
  EXPECT_NEAR(*ExpectedCalibrationError(BinByConfidence(probabilities, hit)),
              (2 * 0.5 + 2 * 0.4) / 4, 1e-15);
}

TEST(CalibrationTest, CertainAndWrongIsLargeButFinite) {
  const std::vector<double> row = {1.0, 0.0};
  EXPECT_NEAR(LogLoss(row, 1), 52 * std::log(2.0), 1e-12);
  EXPECT_NEAR(LogLoss(row, 0), 0, 1e-15);
  EXPECT_DOUBLE_EQ(BrierScore(row, 1), 1);
  EXPECT_DOUBLE_EQ(BrierScore(std::vector{1.0, 0.0, 0.0}, 1), 2);
}

TEST(CalibrationTest, OfEqualProbabilitiesTheFirstClassComesFirst) {
  const std::vector<double> row = {0.2, 0.3, 0.3, 0.2};
  EXPECT_TRUE(IsAmongTop(row, 1, 1));
  EXPECT_FALSE(IsAmongTop(row, 2, 1));
  EXPECT_TRUE(IsAmongTop(row, 2, 2));
  EXPECT_TRUE(IsAmongTop(row, 0, 3));
  EXPECT_FALSE(IsAmongTop(row, 3, 3));
}

TEST(CalibrationTest, NothingHasNoMean) {
  EXPECT_EQ(WeightedMean({}), std::nullopt);
  EXPECT_EQ(ExpectedCalibrationError(BinByConfidence({}, {})), std::nullopt);
  const std::vector<double> values = {1, 2};
  EXPECT_EQ(WeightedMean(values, std::vector{0, 0}), std::nullopt);
  EXPECT_EQ(WeightedMean(values, std::vector{3, 1}), 1.25);
}

}  // namespace
}  // namespace besom::stages
