#pragma once

#include <string>
#include <vector>

#include "stages/data/split_groups.h"
#include "stages/data/split_parts.h"
#include "stages/data/split_table.h"

namespace besom::stages {

/// What the split did, for people and for `besom data`:
/// {"images", "used", "left_out": {reason: n},
///  "groups": {"count", "several_classes": [names],
///             "joined_by_duplicates": [names]},
///  "duplicates": {"pictures", "images", "near_pairs", "different_patients",
///                 "other_labels", "listed": [[image, ...]],
///                 "pairs": [{"images", "groups", "labels": [a, b], "kind":
///                            exact | near, "correlation", "distance",
///                            "different_patients"}]},
///  "fits": [{"repeat", "fold", "parts": {part: {"images", "groups", "asked"?,
///            "classes": {class: {"images", "share", "groups"}}}}}],
///  "externals": {set: {"images", "left_out", "classes": {class: n}}},
///  "assertions": [{"assertion", "result", "figures"}] (split_assertions.h),
///  "checked": "no group on two sides" | null, "leaks": [words],
///  "warnings": [words]}
/// "pictures" counts equal ones that several images show, "images" these and
/// "listed" names them; "near_pairs" counts pairs of different pictures that
/// were confirmed, "other_labels" the images left out for a duplicate's label.
/// Lists of names end after 50, pairs after 1000, those of different patients
/// first. `asked` is a share of all images.
Json MakeReceipt(const SourceScan& scan, const SplitTable& table,
                 const ScreenedScan& screened,
                 const std::vector<SplitGroup>& groups,
                 const std::vector<FitParts>& fits,
                 const SplitOptions& options);

}  // namespace besom::stages
