#pragma once

#include "pipeline/base/result.h"
#include "pipeline/run/run_options.h"

namespace besom::cli {

struct PlanOutput {
  bool explain = false;  ///< Say for each stage what is done and what is stale.
  bool json = false;
  int ranks = 1;  ///< For the predicted time.
};

/// Prints what `run` would do. Runs nothing and writes nothing. Returns 0.
Result<int> PrintPlan(const run::RunOptions& options, const PlanOutput& output);

}  // namespace besom::cli
