#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace besom::stages {

/// Images in descending order of the score of one class, sorted once so that
/// each draw of a bootstrap costs one pass. Equal scores are one step. No
/// score is a NaN. Immutable: any thread.
class Ranking {
 public:
  /// Where the images of one score end.
  struct Step {
    double score;
    std::int64_t hits, alarms;  ///< Images of the class / others, up to here.
  };

  /// positive[i]: image i is of the class. REQUIRES: equal lengths.
  Ranking(std::span<const double> scores,
          std::span<const std::uint8_t> positive);

  /// The steps from the highest score to the lowest; each image counts
  /// weights[i] times (empty: once), steps of no images are left out.
  /// REQUIRES: weights >= 0, one an image or none at all.
  std::vector<Step> Steps(std::span<const int> weights = {}) const;

  /// Area under the ROC curve: how often an image of the class ranks above
  /// another image, ties half (Hanley and McNeil, Radiology 143:29, 1982).
  /// None unless there are both.
  std::optional<double> RocAuc(std::span<const int> weights = {}) const;

  /// Area under the precision-recall steps (scikit-learn's
  /// average_precision_score): sum of precision times growth of recall. None
  /// without images of the class.
  std::optional<double> AveragePrecision(
      std::span<const int> weights = {}) const;

 private:
  struct Entry {
    double score;
    std::size_t image;
    bool positive;
  };
  template <typename Visit>
  void ForEachStep(std::span<const int> weights, const Visit& visit) const;

  std::vector<Entry> entries_;
};

}  // namespace besom::stages
