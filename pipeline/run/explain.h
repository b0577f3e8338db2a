#pragma once

#include <string>
#include <vector>

#include "db/results_store.h"
#include "pipeline/run/sweep_plan.h"
#include "pipeline/store/blob_store.h"

namespace besom::run {

/// What a run would do in one stage, and why.
struct StageForecast {
  std::string stage;
  /// `done`: those whose outputs are there, or that nothing needs any more.
  std::size_t tasks = 0, done = 0;
  double core_seconds = 0;  ///< Predicted, of what is not done, one core.
  bool measured = false;    ///< All from rates measured in this workspace.
  /// Why the rest is not done; each reason once, with how many tasks it holds
  /// for: "never computed", "model.dropout: 0.3 -> 0.5", "an input is not
  /// done: features".
  std::vector<std::pair<std::string, std::size_t>> reasons;
};

/// Looks every task up without running or writing anything. `results` may be
/// null: no database yet. `speed`: what guesses are divided by, as
/// RelativeSpeed finds it.
Result<std::vector<StageForecast>> Forecast(const PreparedSweep& sweep,
                                            db::ResultsStore* results,
                                            const BlobStore& blobs,
                                            double speed);

/// Predicted seconds from the start of the program to its end, on `ranks` ranks
/// that share `cores`.
double WallSeconds(const std::vector<StageForecast>& stages, int ranks,
                   int cores);

/// Names the fields in which two parameter objects differ, as
/// "path: old -> new", in the order of the paths; long values are shortened.
std::vector<std::string> DifferingFields(const Json& before, const Json& after);

}  // namespace besom::run
