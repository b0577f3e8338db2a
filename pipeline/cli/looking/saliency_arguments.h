#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "pipeline/base/files.h"

namespace besom::cli {

/// The options of `saliency`; both programs read them.
struct SaliencyArguments {
  std::string trial;
  std::vector<std::string> images;  ///< Files, or names of the sweep's images.
  std::string folder = "saliency";  ///< -o.
  std::string target;               ///< --class; empty = the predicted one.
  std::string method = "gradcam";   ///< gradcam | occlusion.
  std::string sweep;
  bool json = false;
  Path workspace;

  /// The arguments that make besom-worker do the same.
  std::vector<std::string> ForWorker() const;
};

void AddSaliencyOptions(CLI::App& verb, SaliencyArguments& arguments);

}  // namespace besom::cli
