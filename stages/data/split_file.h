#pragma once

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::stages {

/// Reads `split.file`: CSV with a header line and the columns `image`, `split`
/// (train | validation | test) and optionally `fold` (from 0; empty = all
/// folds), in any order; other columns are ignored. UTF-8, with or without a
/// byte order mark. Returns the rows as the `file_rows` parameter of the split
/// stage: [{"image": ..., "split": ..., "fold": 0}, ...], `fold` only where
/// given. kInvalid with file:line for a missing column, an unknown split, a
/// bad fold or an image listed twice for one fold.
Result<Json> LoadSplitFile(const Path& path);

}  // namespace besom::stages
