#pragma once

#include <string>

#include "pipeline/base/json.h"

namespace besom::cli {

/// What people want to know of a split's receipt (stages/data/split_receipt.h):
/// assertions with figures, warnings, leaks, and the pairs of duplicates, those
/// of different patients or labels first. `path`: where all of it is; named
/// where pairs are cut off. Keys that are not there are left out.
std::string ReceiptText(const Json& receipt, const std::string& path);

}  // namespace besom::cli
