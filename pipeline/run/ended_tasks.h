#pragma once

#include <functional>
#include <string>

#include "pipeline/base/json.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::run {

/// Calls `take` for each task that the journals of `run` say has ended, with
/// its key and its report as JSON (ReportFromJson), rank by rank, in the order
/// in which they ended. What a crash left half written is passed over.
Status ForEachEnded(const WorkspaceLayout& layout, const std::string& run,
                    const std::function<void(const std::string& key,
                                             const Json& report)>& take);

}  // namespace besom::run
