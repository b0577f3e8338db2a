#pragma once

#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/result.h"

namespace besom::cli {

/// One backbone of `weights list`.
struct WeightsEntry {
  std::string backbone;
  bool present = false;  ///< Its pretrained weights are on this machine.
  Path path;             ///< Where they are or would be.
};

/// Every backbone, in the order of the documents.
std::vector<WeightsEntry> ListWeights();
std::string WeightsTable(const std::vector<WeightsEntry>& entries);

/// Path of the pretrained weights of `backbone`, checked against it. kInvalid
/// for a name that is unknown or not built; kUnavailable when they are not
/// here.
Result<Path> FindWeights(const std::string& backbone);

/// Checks that `file` holds weights of `backbone` and copies it to where
/// `weights: imagenet` looks; returns that path. Weights that are there
/// already stay unless they are the same bytes or `replace` is set (kInvalid).
/// Nothing is written when the check fails.
Result<Path> ImportWeights(const Path& file, const std::string& backbone,
                           bool replace);

}  // namespace besom::cli
