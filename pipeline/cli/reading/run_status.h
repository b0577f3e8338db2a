#pragma once

#include <string>
#include <vector>

#include "db/reader.h"
#include "pipeline/base/result.h"
#include "pipeline/cli/reading/sweep_summary.h"
#include "pipeline/run/open_runs.h"
#include "pipeline/run/part_states.h"

namespace besom::cli {

/// "run on a, pid 7, 2 ranks, since ..., without an end so far".
std::string OpenRunText(const run::OpenRun& run);

/// Counts the trials of `summary` as they stand with `open_runs` of the
/// database (run::StateWith), and with parts that are not merged yet.
Status CountTrials(db::Reader& reader,
                   const std::vector<run::OpenRun>& open_runs,
                   const std::vector<run::PartStates>& parts,
                   SweepSummary& summary);

}  // namespace besom::cli
