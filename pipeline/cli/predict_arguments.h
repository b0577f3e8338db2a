#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "pipeline/base/files.h"

namespace besom::cli {

/// The options of `predict`; both programs read them.
struct PredictArguments {
  std::string trial;
  std::vector<std::string> paths;  ///< Files, folders, patterns, or `-`.
  std::string sweep;
  bool refit = false;
  bool csv = false;
  bool json = false;
  bool null = false;  ///< Names of standard input end with NUL.
  Path workspace;

  /// The arguments that make besom-worker do the same.
  std::vector<std::string> ForWorker() const;
};

void AddPredictOptions(CLI::App& verb, PredictArguments& arguments);

}  // namespace besom::cli
