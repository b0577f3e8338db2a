#pragma once

#include <string>
#include <vector>

#include "pipeline/run/coordinator.h"
#include "pipeline/run/rank_traits.h"
#include "pipeline/run/run_options.h"
#include "pipeline/run/sweep_plan.h"
#include "pipeline/run/task_messages.h"

namespace besom::run {

/// How the coordinator is to run `sweep`.
CoordinatorOptions HowToRun(const PreparedSweep& sweep,
                            const RunOptions& options);

/// The tags that the ranks of this job offer, those of GPUs first.
std::vector<std::string> OfferedBy(const std::vector<RankTraits>& ranks);

/// What the ranks are told of the run.
RunBegins BeginningOf(const PreparedSweep& sweep, const std::string& run);

/// Whether a run comes to the stages that compute with the sweep's numerics.
bool Computes(const RunOptions& options);

/// What to tell the user of views that repeat; "" = nothing.
std::string ViewsWarning(const PreparedSweep& sweep);

}  // namespace besom::run
