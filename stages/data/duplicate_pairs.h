#pragma once

#include <string>
#include <vector>

#include "pipeline/base/digest.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::stages {

/// Two files that show the same picture, found by their pixels.
struct NearPair {
  Digest a, b;       ///< Contents of the files, a < b.
  int distance = 0;  ///< Least hash distance, as they are or turned, bits.
  double correlation = 0;  ///< After registration, at most 1.
};

/// What the search for duplicates found: nothing of names, labels or groups.
struct NearPairs {
  std::vector<NearPair> pairs;  ///< Ascending by (a, b).

  Json ToJson() const;
  /// kCorrupt when `json` is not what ToJson made.
  static Result<NearPairs> FromJson(const Json& json);
};

}  // namespace besom::stages
