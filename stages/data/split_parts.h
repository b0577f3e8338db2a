#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stages/data/split_groups.h"
#include "stages/data/split_stage.h"

namespace besom::stages {

enum SplitPart { kTrain = 0, kValidation = 1, kTest = 2, kNoPart = -1 };
inline constexpr std::array<std::string_view, 3> kSplitParts = {
    "train", "validation", "test"};

/// One fit: the part of every image of the scan, and the share that each part
/// was asked to have (negative = given, not asked).
struct FitParts {
  std::vector<SplitPart> part;  ///< Parallel to the scan's entries.
  std::array<double, 3> asked = {-1, -1, -1};
};

/// Draws the parts of every fit (repeat * folds + fold), respecting `use:`.
Result<std::vector<FitParts>> DrawFits(const SourceScan& scan,
                                       const std::vector<std::string>& classes,
                                       const std::vector<SplitGroup>& groups,
                                       const SplitOptions& options);

/// Reads the parts of every fit from `split.file`'s rows. Sets `left_out` of
/// images that no row lists, and adds a note for each row that matches no
/// used image.
Result<std::vector<FitParts>> GivenFits(const SourceScan& scan,
                                        const std::vector<SplitGroup>& groups,
                                        const SplitOptions& options,
                                        ScreenedScan& screened,
                                        std::vector<std::string>& notes);

/// The error of a group that stands on two given sides; `images` are one of
/// each side.
Status TwoSidesError(const SourceScan& scan, const SplitGroup& group,
                     std::size_t a, std::string_view side_a, std::size_t b,
                     std::string_view side_b);

}  // namespace besom::stages
