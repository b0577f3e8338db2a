#pragma once

#include <string>

#include "pipeline/base/result.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::cli {

/// Waits until nothing of the sweep's jobs follows any more and says on
/// standard error what they come to. Returns the sweep's exit code, also when
/// the user stops waiting (3): the jobs then go on.
Result<int> FollowJob(const WorkspaceLayout& layout, const std::string& sweep);

}  // namespace besom::cli
