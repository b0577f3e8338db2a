#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "pipeline/base/files.h"

namespace besom::cli {

/// The options of `evaluate`; both programs read them.
struct EvaluateArguments {
  std::string trial;
  std::string data;  ///< A folder, a YAML file, or YAML.
  std::string name;  ///< Of the set, where `data` is a folder; "" = its own.
  std::string sweep;
  Path workspace;

  /// The arguments that make besom-worker do the same.
  std::vector<std::string> ForWorker() const;
};

void AddEvaluateOptions(CLI::App& verb, EvaluateArguments& arguments);

}  // namespace besom::cli
