#include "stages/metric/paired_tests.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "stages/metric/holm.h"
#include "stages/metric/resampled_t.h"

namespace besom::stages {
namespace {

using Parts = std::vector<double>;

TEST(PairedTestsTest, EightGroupsOfOneSignAreTwoOf256) {
  const PairedTest test = SignFlipTest(Parts{1, 2, 1, 3, 1, 1, 2, 0.5}, {});
  EXPECT_EQ(test.method, "sign_flip_exact");
  EXPECT_DOUBLE_EQ(*test.difference, 11.5);
  EXPECT_DOUBLE_EQ(*test.p, 2.0 / 256);
}

TEST(PairedTestsTest, GroupsWithoutDifferenceAreNoEvidence) {
  Parts parts = {1, 2, 1, 3, 1, 1, 2, 0.5};
  parts.resize(500, 0.0);
  EXPECT_DOUBLE_EQ(*SignFlipTest(parts, {}).p, 2.0 / 256);
}

TEST(PairedTestsTest, MonteCarloIsNearTheExactShare) {
  Parts parts;
  for (int g = 0; g < 18; ++g) parts.push_back(g % 3 == 0 ? -1.0 - g : 2.0 + g);
  double real = 0;
  for (const double part : parts) real += part;
  int extreme = 0;
  for (int bits = 0; bits < 1 << 18; ++bits) {
    double sum = 0;
    for (int g = 0; g < 18; ++g)
      sum += (bits >> g & 1) != 0 ? -parts[g] : parts[g];
    extreme += std::fabs(sum) >= real;
  }
  const double exact = extreme / std::ldexp(1.0, 18);
  const PairedTest test = SignFlipTest(parts, {.draws = 9999, .seed = 1});
  EXPECT_EQ(test.method, "sign_flip");
  EXPECT_NEAR(*test.p, exact, 4 * std::sqrt(exact * (1 - exact) / 9999));
  EXPECT_EQ(test.p, SignFlipTest(parts, {.draws = 9999, .seed = 1}).p);
  EXPECT_NE(test.p, SignFlipTest(parts, {.draws = 9999, .seed = 2}).p);
}

TEST(PairedTestsTest, MonteCarloIsNeverZero) {
  const PairedTest test = SignFlipTest(Parts(100, 1.0), {.draws = 99});
  EXPECT_DOUBLE_EQ(*test.p, 1.0 / 100);
}

TEST(PairedTestsTest, SwapsWithoutADifferenceAreLeftOut) {
  const std::vector<std::uint8_t> differs = {1, 1, 1};
  const auto difference =
      [](std::span<const std::uint8_t> swapped) -> std::optional<double> {
    if (swapped[0] != 0) return std::nullopt;
    return (swapped[1] != 0 ? -1.0 : 1.0) + (swapped[2] != 0 ? -1.0 : 1.0);
  };
  EXPECT_DOUBLE_EQ(*SignFlipTest(differs, difference, {}).p, 2.0 / 4);
}

TEST(PairedTestsTest, EqualTrialsAreNotTested) {
  const PairedTest flip = SignFlipTest(Parts(20, 0.0), {});
  EXPECT_EQ(flip.difference, 0.0);
  EXPECT_EQ(flip.p, std::nullopt);
  EXPECT_EQ(SignFlipTest(Parts{}, {}).p, std::nullopt);
  const PairedTest mcnemar = McNemarTest(0, 0, 30);
  EXPECT_EQ(mcnemar.difference, 0.0);
  EXPECT_EQ(mcnemar.p, std::nullopt);
  EXPECT_EQ(McNemarTest(0, 0, 0).difference, std::nullopt);
}

TEST(PairedTestsTest, McNemarByHand) {
  const PairedTest test = McNemarTest(8, 2, 100);
  EXPECT_DOUBLE_EQ(*test.difference, 0.06);
  EXPECT_NEAR(*test.p, 2 * 56.0 / 1024, 1e-15);
  EXPECT_EQ(test.method, "mcnemar_exact");
  EXPECT_EQ(McNemarTest(5, 5, 100).p, 1.0);
  EXPECT_GT(*McNemarTest(5000, 0, 5000).p, 0.0);
}

TEST(HolmTest, LeavesOutWhatIsNotEstimable) {
  const std::vector<std::optional<double>> p_values = {0.01, std::nullopt, 0.04,
                                                       0.03, 0.005};
  const auto adjusted = HolmAdjusted(p_values);
  EXPECT_DOUBLE_EQ(*adjusted[0], 0.03);
  EXPECT_EQ(adjusted[1], std::nullopt);
  EXPECT_DOUBLE_EQ(*adjusted[2], 0.06);
  EXPECT_DOUBLE_EQ(*adjusted[3], 0.06);
  EXPECT_DOUBLE_EQ(*adjusted[4], 0.02);
  EXPECT_TRUE(HolmAdjusted({}).empty());
}

TEST(ResampledTTest, NoSpreadIsNotEstimable) {
  const ResampledT equal = CorrectedResampledT(Parts(5, 0.1), 0.25, 0.95);
  EXPECT_DOUBLE_EQ(*equal.mean, 0.1);
  EXPECT_NEAR(*equal.sd, 0, 1e-15);
  EXPECT_EQ(equal.p, std::nullopt);
  EXPECT_EQ(equal.low, std::nullopt);
  const ResampledT one = CorrectedResampledT(Parts{0.7}, 0.25, 0.95);
  EXPECT_EQ(one.mean, 0.7);
  EXPECT_EQ(one.sd, std::nullopt);
  EXPECT_EQ(one.p, std::nullopt);
  EXPECT_EQ(CorrectedResampledT({}, 0.25, 0.95).mean, std::nullopt);
}

// 10 folds of one repeat: the variance of the mean is (1/10 + 1/9) / (1/10)
// times that of independent values.
TEST(ResampledTTest, SharedTrainingImagesMakeIntervalsLonger) {
  const Parts folds = {0.1, 0.3, 0.2, 0.25, 0.15, 0.2, 0.3, 0.1, 0.2, 0.2};
  const ResampledT plain = CorrectedResampledT(folds, 0, 0.95);
  const ResampledT corrected = CorrectedResampledT(folds, 1.0 / 9, 0.95);
  EXPECT_NEAR((*corrected.high - *corrected.low) / (*plain.high - *plain.low),
              std::sqrt((0.1 + 1.0 / 9) / 0.1), 1e-12);
  EXPECT_GT(*corrected.p, *plain.p);
}

}  // namespace
}  // namespace besom::stages
