#pragma once

#include <string>

#include "pipeline/base/result.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::cli {

/// A line for each Slurm job of a sweep, by its record and by Slurm: number,
/// state, nodes, start or estimate of it, end, and how often it was started.
/// Empty when nothing was submitted.
Result<std::string> JobsText(const WorkspaceLayout& layout,
                             const std::string& sweep);

}  // namespace besom::cli
