#pragma once

#include <string>
#include <vector>

#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "pipeline/run/planner.h"
#include "stages/data/image_table.h"

namespace besom::run {

/// A trial as the database knows it.
struct RecordedTrial {
  std::string id;
  Json config;           ///< As stored.
  std::string numerics;  ///< Its sweep's, SweepNumerics::ToText.
};

/// What its sweep has planned from, each thing once; of a sweep that has grown
/// there may be several of each.
struct RecordedData {
  std::vector<stages::SourceScan> scans;
  std::vector<Json> split_rows;  ///< Of `split.file`.
};

/// A stored configuration as the spec gave it, without what the planner added.
Json ConfigAsPlanned(Json config);

/// Plans the trial again without its images: the graph that its sweep ran for
/// it, alone, with the same keys. That it is the same one its id tells, which
/// the planner makes of configuration, weights, scan and split. Reads weights.
///
/// kNotFound, with the cure, where nothing of `data` gives that id: another
/// version of besom, other weights, or data that are not recorded.
Result<SweepGraph> PlanAgain(const RecordedTrial& trial,
                             const RecordedData& data);

}  // namespace besom::run
