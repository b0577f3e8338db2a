#pragma once

#include <string>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::cli {

/// Checks that `file` holds weights of `backbone` and copies it to where
/// `weights: imagenet` looks; returns that path. Weights that are there
/// already stay unless they are the same bytes or `replace` is set (kInvalid).
/// Nothing is written when the check fails.
Result<Path> ImportWeights(const Path& file, const std::string& backbone,
                           bool replace);

}  // namespace besom::cli
