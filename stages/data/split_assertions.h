#pragma once

#include <vector>

#include "stages/data/split_groups.h"
#include "stages/data/split_parts.h"
#include "stages/data/split_table.h"

namespace besom::stages {

/// What a split promises, looked at from the outside: read from the table, not
/// from what made it. A list of {"assertion", "result": "holds" | "fails",
/// "figures": words}:
/// - "no group on two sides": in no fit has a (patients, group) images in two
///   of train, validation, test;
/// - "no duplicate pair on two sides": the same of two images of one picture;
/// - "no external image was trained on": of no used external image is the
///   group, or another image of its picture, in train or validation of a fit;
/// - "no duplicate of another label": no two used images of one picture differ
///   in label;
/// - "every class in every part": of each fit, where the part has images;
/// - "shares within tolerance": each class's images in each part (all images,
///   without stratification) miss the share asked for by no more than the
///   images of the largest group of that class, and one for rounding. Where no
///   share was asked for it holds.
Json AssertSplit(const SourceScan& scan, const SplitTable& table,
                 const ScreenedScan& screened,
                 const std::vector<SplitGroup>& groups,
                 const std::vector<FitParts>& fits,
                 const SplitOptions& options);

}  // namespace besom::stages
