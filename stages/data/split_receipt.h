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
///  "duplicates": {"pictures", "images", "listed": [[image, ...]]},
///  "fits": [{"repeat", "fold", "parts": {part: {"images", "groups", "asked"?,
///            "classes": {class: {"images", "share", "groups"}}}}}],
///  "externals": {set: {"images", "left_out", "classes": {class: n}}},
///  "checked": "no group on two sides" | null, "leaks": [words],
///  "warnings": [words]}
/// Lists of names end after 50. `asked` is a share of all images.
Json MakeReceipt(const SourceScan& scan, const SplitTable& table,
                 const ScreenedScan& screened,
                 const std::vector<SplitGroup>& groups,
                 const std::vector<FitParts>& fits,
                 const SplitOptions& options);

}  // namespace besom::stages
