#pragma once

#include <string>
#include <vector>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/reading/sweep_summary.h"
#include "pipeline/run/open_runs.h"
#include "pipeline/run/part_states.h"
#include "pipeline/store/workspace_layout.h"

namespace besom::cli {

/// "run on a, pid 7, 2 ranks, since ..., without an end so far".
std::string OpenRunText(const run::OpenRun& run);

/// Counts the trials of `summary` as they stand with `open_runs` of the
/// database, and with parts that are not merged yet: what no living run works
/// on is pending, whatever the database calls it.
Status CountTrials(db::Reader& reader,
                   const std::vector<run::OpenRun>& open_runs,
                   const std::vector<run::PartStates>& parts,
                   SweepSummary& summary);

/// A line for each shard, those that have not begun too, and what failed in
/// them; "" without parts.
std::string ShardsText(const std::vector<run::PartStates>& parts);

/// A line that says how many parts of the workspace are not merged, so that
/// what they hold is not to be read yet; "" when there are none.
std::string UnmergedNote(const WorkspaceLayout& layout);

}  // namespace besom::cli
