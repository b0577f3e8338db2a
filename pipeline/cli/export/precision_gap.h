#pragma once

#include <optional>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/trained/trained_trial.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::cli {

/// How far the exported network's probabilities, in fp32, are from those that
/// the sweep recorded.
struct PrecisionGap {
  int images = 0;      ///< On so many held-out images of the first fit.
  double largest = 0;  ///< Of all probabilities.
  double mean = 0;
  int decisions = 0;  ///< Images that get another class.
};

/// Measures it on the first kImagesOfGap held-out images, by name, whose pixels
/// are in the store; nothing where there is none.
Result<std::optional<PrecisionGap>> MeasurePrecisionGap(
    const WorkspaceLayout& layout, const TrainedTrial& trial,
    db::Reader& reader);

inline constexpr int kImagesOfGap = 64;

}  // namespace besom::cli
