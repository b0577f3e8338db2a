#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "stages/metric/scored_set.h"

namespace besom::run {

/// What a trial said about the images of a set.
struct TrialSet {
  std::vector<std::string> classes;
  std::vector<std::string> images;  ///< "source/path", in order of that.
  stages::ScoredSet scored;         ///< Parallel to `images`.
};

/// The classes of a trial in the order of its outputs; none before a fit of it
/// is recorded.
Result<std::vector<std::string>> ClassesOfTrial(db::Reader& reader,
                                                const db::TrialName& trial);

/// Reads the kept predictions of a trial for a set. Where several fits saw an
/// image, its probabilities are their mean, as `predict` takes it; groups are
/// those of the images. Empty where no predictions are kept.
Result<TrialSet> LoadTrialSet(db::Reader& reader, const db::TrialName& trial,
                              const std::string& split);

}  // namespace besom::run
