#include "stages/metric/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pipeline/base/check.h"

namespace besom::stages {
namespace {

int BinOf(double probability) {
  // By comparison with the edges themselves: 15 p would round some of them
  // into the next bin.
  int bin = 0;
  while (bin + 1 < kCalibrationBins &&
         probability > static_cast<double>(bin + 1) / kCalibrationBins)
    ++bin;
  return bin;
}

int WeightOf(std::span<const int> weights, std::size_t i) {
  return weights.empty() ? 1 : weights[i];
}

}  // namespace

std::vector<CalibrationBin> BinByConfidence(
    std::span<const double> probabilities, std::span<const std::uint8_t> hit,
    std::span<const int> weights) {
  BESOM_CHECK(probabilities.size() == hit.size(), "unequal lengths");
  BESOM_CHECK(weights.empty() || weights.size() == hit.size(), "weights");
  std::vector<CalibrationBin> bins(kCalibrationBins);
  for (std::size_t i = 0; i < hit.size(); ++i) {
    const int weight = WeightOf(weights, i);
    CalibrationBin& bin = bins[BinOf(probabilities[i])];
    bin.images += weight;
    if (hit[i] != 0) bin.hits += weight;
    bin.confidence += weight * probabilities[i];
  }
  return bins;
}

std::optional<double> ExpectedCalibrationError(
    std::span<const CalibrationBin> bins) {
  double sum = 0;
  std::int64_t images = 0;
  for (const CalibrationBin& bin : bins) {
    sum += std::fabs(static_cast<double>(bin.hits) - bin.confidence);
    images += bin.images;
  }
  if (images == 0) return std::nullopt;
  return sum / static_cast<double>(images);
}

std::optional<double> WeightedMean(std::span<const double> values,
                                   std::span<const int> weights) {
  BESOM_CHECK(weights.empty() || weights.size() == values.size(), "weights");
  double sum = 0;
  std::int64_t images = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += WeightOf(weights, i) * values[i];
    images += WeightOf(weights, i);
  }
  if (images == 0) return std::nullopt;
  return sum / static_cast<double>(images);
}

double LogLoss(std::span<const double> probabilities, int actual) {
  constexpr double kEps = std::numeric_limits<double>::epsilon();
  return -std::log(std::clamp(probabilities[actual], kEps, 1 - kEps));
}

double BrierScore(std::span<const double> probabilities, int actual) {
  double sum = 0;
  for (std::size_t c = 0; c < probabilities.size(); ++c) {
    const double truth = static_cast<int>(c) == actual ? 1 : 0;
    sum += (probabilities[c] - truth) * (probabilities[c] - truth);
  }
  return probabilities.size() == 2 ? sum / 2 : sum;
}

bool IsAmongTop(std::span<const double> probabilities, int actual, int k) {
  BESOM_CHECK(k > 0, "k > 0");
  int above = 0;
  for (int c = 0; c < static_cast<int>(probabilities.size()); ++c)
    above += probabilities[c] > probabilities[actual] ||
             (c < actual && probabilities[c] == probabilities[actual]);
  return above < k;
}

}  // namespace besom::stages
