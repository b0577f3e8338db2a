#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace besom::stages {

// How well probabilities say how often. Pure functions; any thread. Each image
// counts weights[i] times (empty: once); no images: none.

/// Bins of calibration: (k/15, (k+1)/15], the first with 0. As many as in Guo
/// and others, "On calibration of modern neural networks", ICML 2017.
inline constexpr int kCalibrationBins = 15;

/// Images whose probability lies in one bin.
struct CalibrationBin {
  std::int64_t images = 0, hits = 0;
  double confidence = 0;  ///< Sum of the probabilities.
};

/// [kCalibrationBins]; hit[i]: what the probability is about came true.
/// REQUIRES: equal lengths, probabilities in [0, 1] but for rounding.
std::vector<CalibrationBin> BinByConfidence(
    std::span<const double> probabilities, std::span<const std::uint8_t> hit,
    std::span<const int> weights = {});

/// Expected calibration error (Guo and others 2017, eq. 3): mean over images
/// of |share of hits - mean probability| of the image's bin.
std::optional<double> ExpectedCalibrationError(
    std::span<const CalibrationBin> bins);

/// Mean of values; used for losses that are means over images.
std::optional<double> WeightedMean(std::span<const double> values,
                                   std::span<const int> weights = {});

/// Of one image: -log of the probability of its class, which is kept inside
/// [eps, 1 - eps], eps = 2^-52. The mean is scikit-learn's log_loss.
double LogLoss(std::span<const double> probabilities, int actual);

/// Of one image: squared distance of the probabilities from the truth, summed
/// over classes (Brier, Mon. Weather Rev. 78:1, 1950); with two classes half
/// of it. The mean is scikit-learn's brier_score_loss.
double BrierScore(std::span<const double> probabilities, int actual);

/// Whether the actual class is among the k most probable ones; of equal
/// probabilities the first class comes first. REQUIRES: k > 0.
bool IsAmongTop(std::span<const double> probabilities, int actual, int k);

}  // namespace besom::stages
