#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "db/results_store.h"
#include "pipeline/run/planner.h"
#include "pipeline/run/run_options.h"

namespace besom::run {

/// How trials of a sweep stand, by id.
using TrialStates = std::map<std::string, db::TrialState>;
Result<TrialStates> StatesOf(db::ResultsStore& results, db::SweepId id);

/// The tasks that options ask for: whole stages up to `until`, or the trials.
/// `views`: those of `augment` that are to be made whoever reads them.
std::vector<TaskId> TargetsOf(const SweepGraph& sweep,
                              const RunOptions& options,
                              const TrialStates& states,
                              const std::vector<TaskId>& views);

/// Trials that failed in an earlier run and are not tried again in this one.
std::size_t StayFailed(const SweepGraph& sweep, const RunOptions& options,
                       const TrialStates& states);

}  // namespace besom::run
