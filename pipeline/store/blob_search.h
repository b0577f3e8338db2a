#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "pipeline/store/blob_store.h"

namespace besom {

/// Looks for blobs that somebody has committed and that may not be visible here
/// yet (network file systems), again and again with growing pauses, until they
/// are there or the store's patience is over.
///
/// Invariants:
/// (1) Everything that one object is asked for shares one deadline: it begins
///     when something is missing, and ends when all that was asked for last is
///     there. So many missing blobs cost the time of one.
/// (2) Only what is missing is looked for again; a file of a wrong size will
///     not become another one.
/// (3) No pause is longer than kLongestPause.
/// Borrows the store. One thread at a time.
class BlobSearch {
 public:
  static constexpr double kFirstPause = 0.02;   ///< Seconds.
  static constexpr double kLongestPause = 0.5;  ///< Seconds.

  /// `most_seconds` cuts the store's patience.
  explicit BlobSearch(const BlobStore& blobs,
                      std::optional<double> most_seconds = {});

  enum class Answer { kNoneMissing, kLookAgain, kGone };

  /// Looks for those of `wanted` that are missing, unless it is too early for
  /// another look. Never waits.
  Answer Look(const std::vector<BlobRef>& wanted);

  /// Waits for all of `wanted`; false when some are gone. `stop` is asked
  /// before every pause: once it says true, kInterrupted.
  Result<bool> Await(const std::vector<BlobRef>& wanted,
                     const std::function<bool()>& stop);

 private:
  const BlobStore& blobs_;
  const double seconds_;
  std::optional<double> deadline_;  // While something is missing.
  double next_look_ = 0;
  double pause_ = kFirstPause;
};

}  // namespace besom
