#pragma once

#include <string>
#include <vector>

#include "pipeline/run/part_states.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::cli {

/// A line for each shard, those that have not begun too, and what failed in
/// them; "" without parts.
std::string ShardsText(const std::vector<run::PartStates>& parts);

/// A line that says how many parts of the workspace are not merged, so that
/// what they hold is not to be read yet; "" when there are none.
std::string UnmergedNote(const WorkspaceLayout& layout);

}  // namespace besom::cli
