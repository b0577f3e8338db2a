#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "pipeline/base/files.h"

namespace besom::cli {

/// The options of `export`; both programs read them.
struct ExportArguments {
  std::string trial;
  std::string folder;  ///< -o.
  std::string format;  ///< safetensors | torchscript | onnx.
  std::string sweep;
  bool refit = false;
  Path workspace;

  /// The arguments that make besom-worker do the same.
  std::vector<std::string> ForWorker() const;
};

void AddExportOptions(CLI::App& verb, ExportArguments& arguments);

}  // namespace besom::cli
